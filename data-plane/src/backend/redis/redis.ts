/** One Redis backend, standalone or cluster: its upstreams, its topology, its beginning and end. */
import type { Address, RedisBackend as RedisSpec } from '@respool/contracts/entities';
import type { Backing, Purse } from '../../command/backing.ts';
import { ForeignCommands } from '../../command/foreign.ts';
import type { Lease, LeaseTarget } from '../../command/lease.ts';
import type { Unit, UnitReader } from '../../command/unit.ts';
import type { Meter } from '../../observe/meter.ts';
import type { BackendSample } from '../../observe/metrics.ts';
import type { ProcessCounters } from '../../observe/observe.ts';
import type { Resp } from '../../resp/resp.ts';
import { Scripts } from '../../script/scripts.ts';
import type { BackendView, Protocol } from '../../state.ts';
import type { Turn } from '../../turn.ts';
import { RedisBacking } from './backing.ts';
import { call } from './call.ts';
import { Door } from './door.ts';
import { Learner } from './learner.ts';
import { type LeaseLimits, Leases } from './leases.ts';
import { Listeners, type ListenersHome } from './listeners.ts';
import { samplesOf } from './samples.ts';
import { readSlots, type SlotOwners } from './topology.ts';
import type { TrackedBytes } from './tracked-keys.ts';
import { UnitSender } from './unit.ts';
import { RedisUpstream, type RetryLimits, type UpstreamHome } from './upstream.ts';
import type { Dial } from './wire.ts';

export interface RedisLimits extends RetryLimits, LeaseLimits {
  /** Connecting and greeting together. */
  readonly connectMsMax: number;
  /** One question about the topology. */
  readonly topologyMsMax: number;
  /** The topology is read again this often even when nothing seems wrong. */
  readonly topologyEveryMs: number;
  /** …and at most this often when something does. */
  readonly topologyPauseMs: number;
}

export interface RedisServices {
  readonly turn: Turn;
  readonly limits: RedisLimits;
  readonly counters: ProcessCounters;
  readonly slotOf: UpstreamHome['slotOf'];
  /** Counts the proxy's own commands. */
  readonly ownMeter: Meter;
  /** CLIENT SETNAME on every backend connection. */
  readonly connectionName: string;
  /** Keys noted for client-side caching, all backends together. */
  readonly tracked: TrackedBytes;
}

export class RedisBackend implements BackendView, UpstreamHome, ListenersHome {
  readonly id: string;
  readonly kind: 'standalone' | 'cluster';
  readonly databases: number;
  readonly deadlineMs: number;
  readonly turn: Turn;
  readonly limits: RedisLimits;
  readonly counters: ProcessCounters;
  readonly slotOf: UpstreamHome['slotOf'];
  readonly tracked: TrackedBytes;
  readonly listeners: Listeners;
  readonly scripts = new Scripts();
  readonly foreign: ForeignCommands;
  readonly #spec: RedisSpec;
  readonly #door: Door;
  readonly #services: RedisServices;
  readonly #upstreams = new Map<string, RedisUpstream>();
  readonly #leases: Leases;
  readonly #learner: Learner;
  #owners: SlotOwners | null = null;
  #refreshing: Promise<void> | null = null;
  #refreshDueMs = 0;
  #refreshedMs = 0;
  #closed = false;
  topologyError = '';

  /** `password` in clear: it lives in this object only and goes nowhere but to the server. */
  constructor(spec: RedisSpec, password: string | null, services: RedisServices) {
    this.#spec = spec;
    this.#door = new Door(spec, password, services.connectionName, services.limits.connectMsMax);
    this.#services = services;
    this.id = spec.id;
    this.kind = spec.kind;
    this.databases = spec.kind === 'standalone' ? spec.databases : 1;
    this.turn = services.turn;
    this.limits = services.limits;
    this.deadlineMs = this.limits.commandDeadlineMs;
    this.counters = services.counters;
    this.slotOf = services.slotOf;
    this.foreign = new ForeignCommands(spec.commands);
    this.#learner = new Learner(this.foreign, this.turn, (args, purse) => {
      const connection = this.upstream(2, 0).owner(null);
      return call(connection, services.ownMeter, args, {
        timeoutMs: this.limits.topologyMsMax,
        purse,
      });
    });
    this.tracked = services.tracked;
    this.listeners = new Listeners(this);
    this.#leases = new Leases(
      {
        turn: this.turn,
        ownMeter: services.ownMeter,
        unblockMsMax: this.limits.silenceMsMax,
        dial: (address, protocol, database) => this.dial(address, protocol, database),
        askNode: (address, args) => this.#askNode(address, args, this.limits.silenceMsMax),
      },
      this.limits,
    );
  }

  upstream(protocol: Protocol, database: number): RedisUpstream {
    const key = `${protocol} ${database}`;
    let upstream = this.#upstreams.get(key);
    if (upstream === undefined) {
      upstream = new RedisUpstream(this, protocol, database);
      if (this.#spec.kind === 'standalone')
        upstream.single = upstream.node(text(this.#spec.address));
      else upstream.own(this.#owners ?? [...unowned], this.#firstSeed());
      this.#upstreams.set(key, upstream);
    }
    return upstream;
  }

  /** Connected, authenticated, topology known: rejects with the first reason why not. */
  async warm(): Promise<void> {
    const upstream = this.upstream(2, 0);
    if (this.#spec.kind === 'cluster') {
      await this.refresh();
      if (this.topologyError !== '') throw new Error(this.topologyError);
    }
    const limits = { timeoutMs: this.limits.connectMsMax, purse: null };
    const pings = Array.from(upstream.connections, async (connection) => {
      const reply = await call(connection, this.#services.ownMeter, ['PING'], limits);
      if (reply.type === 'error') throw new Error(`${connection.address}: ${reply.text}`);
    });
    await Promise.all([...pings, this.#learner.learn()]);
  }

  backing(database: number, prefix: Buffer | null, purse: Purse): Backing {
    return new RedisBacking({
      upstream: this.upstream(2, database),
      prefix,
      purse,
      timeoutMs: this.limits.commandDeadlineMs,
      meter: this.#services.ownMeter,
      slotOf: this.slotOf,
      askUrgently: (node, args) => this.#door.askUrgently(node, args),
    });
  }

  lease({ protocol, database, slot, node }: LeaseTarget): Promise<Lease> {
    const upstream = this.upstream(protocol, database);
    const address = (): string => node ?? upstream.owner(slot).address;
    return this.#leases.lease(address, protocol, database);
  }

  transact(unit: Unit, reader: UnitReader): void {
    this.#leases
      .allowsMulti(() => this.upstream(2, 0).owner(null).address)
      .then(
        () =>
          new UnitSender(this, this.upstream(unit.protocol, unit.database), unit, reader).send(),
        (reason: Error) => reader.refuse(reason.message),
      );
  }

  dial(address: string, protocol: Protocol, database: number): Dial {
    return this.#door.dial(address, protocol, database);
  }

  moved(slot: number, address: string): void {
    if (this.#owners !== null) this.#owners[slot] = address;
    for (const upstream of this.#upstreams.values()) upstream.ownOne(slot, address);
    this.listeners.placeAll();
    this.doubt();
  }

  doubt(): void {
    if (this.kind !== 'cluster') return;
    this.#refreshDueMs = Math.min(
      this.#refreshDueMs,
      this.#refreshedMs + this.limits.topologyPauseMs,
    );
  }

  arrived(): void {
    this.#learner.doubt();
  }

  /** Several times a second: retries, reconnects, topology. */
  tick(): void {
    for (const upstream of this.#upstreams.values()) upstream.tick();
    this.listeners.tick();
    this.#leases.tick();
    this.#learner.tick();
    const due = this.kind === 'cluster' && this.turn.nowUs() / 1000 >= this.#refreshDueMs;
    if (due && !this.#closed) void this.refresh();
  }

  /** Reads the topology from the first node that answers; one at a time; never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#readTopology().finally(() => {
      this.#refreshing = null;
      this.#refreshedMs = this.turn.nowUs() / 1000;
      this.#refreshDueMs = this.#refreshedMs + this.limits.topologyEveryMs;
    });
    return this.#refreshing;
  }

  /** Ends once nothing is owed, or when `deadlineMs` have passed. */
  async retire(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (performance.now() < end && !this.#isQuiet()) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (const upstream of this.#upstreams.values()) upstream.tick();
      this.#leases.tick();
      this.listeners.tick();
    }
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#leases.close();
    for (const upstream of this.#upstreams.values()) upstream.close();
    this.listeners.close();
  }

  /** One sample per node, over all its connections: for metrics and INFO. */
  samples(): BackendSample[] {
    return samplesOf(this.id, this.#upstreams.values(), this.#leases.byNode(), this.listeners);
  }

  #isQuiet(): boolean {
    const others = this.#leases.quiet && this.listeners.quiet;
    return others && [...this.#upstreams.values()].every((one) => one.quiet);
  }

  #askNode(address: string, args: readonly string[], timeoutMs: number): Promise<Resp> {
    const connection = this.upstream(2, 0).node(address);
    return call(connection, this.#services.ownMeter, args, { timeoutMs, purse: null });
  }

  async #readTopology(): Promise<void> {
    const upstream = this.upstream(2, 0);
    for (const address of this.#toAsk(upstream)) {
      try {
        const { topologyMsMax } = this.limits;
        const reply = await this.#askNode(address, ['CLUSTER', 'SLOTS'], topologyMsMax);
        this.#takeOwners(readSlots(reply, upstream.node(address).host));
        this.topologyError = '';
        return;
      } catch (error) {
        this.topologyError = `${address}: ${(error as Error).message}`;
      }
      if (this.#closed) return;
    }
  }

  /** Nodes that are connected first, then the others we know, then the seeds. */
  #toAsk(upstream: RedisUpstream): string[] {
    const known = [...upstream.connections];
    const ready = known.filter((one) => one.state === 'ready').map((one) => one.address);
    const others = known.map((one) => one.address);
    const seeds = this.#spec.kind === 'cluster' ? this.#spec.seeds.map(text) : [];
    return [...new Set([...ready, ...others, ...seeds])];
  }

  #takeOwners(owners: SlotOwners): void {
    const before = this.#owners;
    const same = before !== null && owners.every((owner, slot) => owner === before[slot]);
    this.#owners = owners;
    if (same) return;
    for (const upstream of this.#upstreams.values()) upstream.own(owners, this.#firstSeed());
    this.listeners.placeAll();
  }

  /** Where `slot` is served, as far as known. */
  ownerOf(slot: number): string {
    if (this.#spec.kind === 'standalone') return text(this.#spec.address);
    return this.#owners?.[slot] ?? this.#firstSeed();
  }

  primaries(): readonly string[] {
    if (this.#spec.kind === 'standalone' || this.#owners === null) return [this.ownerOf(0)];
    return [...new Set(this.#owners.filter((owner) => owner !== null))];
  }

  #firstSeed(): string {
    return this.#spec.kind === 'cluster' ? text(this.#spec.seeds[0] as Address) : '';
  }
}

const unowned: SlotOwners = new Array<string | null>(16_384).fill(null);

function text(address: Address): string {
  return `${address.host}:${address.port}`;
}
