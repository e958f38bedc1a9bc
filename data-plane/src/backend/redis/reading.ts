/** The reads of one cluster that may go to replicas: nothing is opened before a route asks for it. */
import type { ReadFrom } from '@respool/contracts/entities';
import type { Upstream } from '../../command/upstream.ts';
import type { Resp } from '../../resp/resp.ts';
import type { RedisConnection } from './connection.ts';
import { Migrations } from './migrations.ts';
import { type ReaderServices, Readers } from './readers.ts';
import type { Replicas } from './topology.ts';
import type { RedisUpstream, UpstreamHome } from './upstream.ts';

/** What of the backend only its reads need. */
export interface ReadingServices extends Omit<ReaderServices, 'moving'> {
  /** Asks the node at `address` over a connection shared by all. */
  readonly ask: (address: string, args: readonly string[]) => Promise<Resp>;
}

export class Reading {
  readonly #home: UpstreamHome;
  readonly #services: ReaderServices;
  readonly #migrations: Migrations;
  readonly #readers = new Map<RedisUpstream, Readers>();
  #replicas: Replicas = new Map();
  #moved = false;

  constructor(home: UpstreamHome, services: ReadingServices) {
    const nodesText = (address: string) => services.ask(address, ['CLUSTER', 'NODES']);
    const migrations = new Migrations(home.turn, nodesText);
    this.#migrations = migrations;
    this.#home = home;
    this.#services = { ...services, moving: (address) => migrations.moving(address) };
  }

  way(upstream: RedisUpstream, readFrom: ReadFrom, share: number): Upstream {
    let readers = this.#readers.get(upstream);
    if (readers === undefined) {
      readers = new Readers(this.#home, this.#services, upstream);
      readers.take(this.#replicas);
      this.#readers.set(upstream, readers);
    }
    return readers.way(readFrom, share);
  }

  /** A topology was read; the upstreams have their slots already. */
  take(replicas: Replicas): void {
    this.#replicas = replicas;
    for (const readers of this.#readers.values()) readers.take(replicas);
  }

  /** A slot has another owner. */
  moved(): void {
    this.#moved = true;
  }

  /** A slot moves between these primaries. */
  migrates(from: string, to: string): void {
    this.#migrations.seen(from);
    this.#migrations.seen(to);
  }

  /** Several times a second. */
  tick(): void {
    const [first] = this.#readers.keys();
    if (first === undefined) return;
    this.#migrations.tick(first.primaries());
    for (const readers of this.#readers.values()) readers.tick(this.#moved);
    this.#moved = false;
  }

  get connections(): readonly RedisConnection[] {
    return [...this.#readers.values()].flatMap((readers) => readers.connections);
  }

  /** Addresses of the nodes that follow another one. */
  isReplica(address: string): boolean {
    return [...this.#replicas.values()].some((addresses) => addresses.includes(address));
  }

  get quiet(): boolean {
    return [...this.#readers.values()].every((readers) => readers.quiet);
  }

  close(): void {
    for (const readers of this.#readers.values()) readers.close();
  }
}
