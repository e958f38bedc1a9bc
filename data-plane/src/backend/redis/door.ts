/** How the servers of one backend are reached: address, TLS, login, and what is said first. */
import type { Backend, BackendTls } from '@respool/contracts/entities';
import { encodeRequest } from '../../resp/encoder.ts';
import type { Resp } from '../../resp/resp.ts';
import type { Protocol } from '../../state.ts';
import { exchange, type Greeting, greet, loginOf } from './handshake.ts';
import { ServerVersions } from './server-version.ts';
import { parseAddress } from './topology.ts';
import { type Dial, openWire, type Wire } from './wire.ts';

export class Door {
  /** What those who were let in said they are. */
  readonly versions = new ServerVersions();
  readonly #spec: Backend;
  readonly #password: string | null;
  readonly #name: string;
  readonly #connectMsMax: number;

  /** `password` in clear: it lives in this object only and goes nowhere but to the server. */
  constructor(spec: Backend, password: string | null, name: string, connectMsMax: number) {
    this.#spec = spec;
    this.#password = password;
    this.#name = name;
    this.#connectMsMax = connectMsMax;
  }

  /** `reader`: to read from a replica; see `Greeting.reader`. */
  dial(address: string, protocol: Protocol, database: number, reader = false): Dial {
    const greeting = { ...this.#greeting(protocol, database), reader };
    return () =>
      this.#opened(address, async (wire) => {
        this.versions.heard(address, await greet(wire, greeting, this.#connectMsMax));
        return wire;
      });
  }

  /**
   * One command over a connection made for it, with nothing before it but the login: what a server
   * still takes while a script keeps it busy (SCRIPT KILL). Rejects where it does not answer.
   */
  async askUrgently(address: string, args: readonly (string | Buffer)[]): Promise<Resp> {
    const login = loginOf(this.#greeting(2, 0));
    const requests = [...login, encodeRequest(args)];
    return await this.#opened(address, async (wire) => {
      const all = Buffer.concat(requests);
      const replies = await exchange(wire, all, requests.length, this.#connectMsMax);
      wire.socket.destroy();
      return replies[requests.length - 1] as Resp;
    });
  }

  #greeting(protocol: Protocol, database: number): Greeting {
    const { username } = this.#spec;
    const [password, name] = [this.#password, this.#name];
    return { protocol, database, username, password, reader: false, name };
  }

  async #opened<T>(address: string, use: (wire: Wire) => Promise<T>): Promise<T> {
    const tls = this.#spec.tls as BackendTls | null;
    const wire = await openWire(parseAddress(address), tls, this.#connectMsMax);
    try {
      return await use(wire);
    } catch (error) {
      wire.socket.destroy();
      throw error;
    }
  }
}
