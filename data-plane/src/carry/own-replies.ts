/** What the proxy says in EXEC's reply for the commands it answers itself, and how much of it. */
import { encodeError } from '../resp/encoder.ts';
import type { OwnCommand, Transaction } from '../session/transaction.ts';
import type { Scene } from './scene.ts';

/**
 * Of one transaction, beyond which no more are begun: they are made in one go, nobody else is
 * served meanwhile, and the slowest (PROXY COMMAND) take a millisecond for each ten kilobytes.
 */
const bytesMax = 1024 * 1024;

const nothing = Buffer.alloc(0);
const failed = encodeError('ERR', 'the proxy failed to make this reply');
const tooMuch = encodeError(
  'ERR',
  'not carried out: this proxy makes 1 MiB of replies for one transaction and then no more',
);

export class OwnReplies {
  /** One of them is for the end of the connection. */
  closes = false;
  /** Whether some have to be made before the transaction is sent. */
  readonly areAhead: boolean;
  readonly #scene: Scene;
  readonly #transaction: Transaction;
  readonly #made = new Map<OwnCommand, Buffer>();
  #bytes = 0;

  constructor(scene: Scene, transaction: Transaction) {
    this.#scene = scene;
    this.#transaction = transaction;
    this.areAhead = transaction.commands.some(({ own }) => own !== undefined && 'ahead' in own);
  }

  /** One after the other, while there is anybody to tell. */
  async makeAhead(): Promise<void> {
    for (const { own } of this.#transaction.commands) {
      if (own === undefined || !('ahead' in own)) continue;
      if (!this.#transaction.executing) return;
      const made = this.#bytes > bytesMax ? tooMuch : await own.ahead().catch(this.#failed);
      this.#bytes += made.length;
      this.#made.set(own, made);
    }
  }

  /**
   * Its turn has come. `follows`: of what the server has done already. Nothing is done for a
   * client that has gone: it asked for its own sake, and as whom it asked is forgotten.
   */
  make(own: OwnCommand, follows: boolean): Buffer {
    const ahead = this.#made.get(own);
    if (ahead !== undefined) return ahead;
    if (this.#scene.session.user === null || 'ahead' in own) return nothing;
    if (this.#bytes > bytesMax && !follows) return tooMuch;
    try {
      const { reply, closes } = own.make();
      this.#bytes += reply.length;
      if (closes) this.closes = true;
      return reply;
    } catch (error) {
      return this.#failed(error);
    }
  }

  readonly #failed = (error: unknown): Buffer => {
    const { proxy, client } = this.#scene;
    proxy.failed(client, error);
    return failed;
  };
}
