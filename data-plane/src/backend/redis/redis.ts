/** One Redis backend, standalone or cluster: its upstreams, its topology, its beginning and end. */
import type { Address, ReadFrom, RedisBackend as RedisSpec } from '@respool/contracts/entities';
import type { Backing, Purse } from '../../command/backing.ts';
import { ForeignCommands } from '../../command/foreign.ts';
import { holderOf, type Lease, type LeaseTarget } from '../../command/lease.ts';
import type { Unit, UnitReader } from '../../command/unit.ts';
import type { Upstream } from '../../command/upstream.ts';
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
import { Leases } from './leases.ts';
import { Listeners, type ListenersHome } from './listeners.ts';
import { Reading } from './reading.ts';
import { samplesOf } from './samples.ts';
import type { RedisLimits, RedisServices } from './services.ts';
import { type SlotOwners, type Topology, addressText as text, unowned } from './topology.ts';
import { TopologyWatch } from './topology-watch.ts';
import type { TrackedBytes } from './tracked-keys.ts';
import { UnitSender } from './unit.ts';
import { RedisUpstream, type UpstreamHome } from './upstream.ts';
import type { Dial } from './wire.ts';

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
  readonly #reading: Reading;
  readonly #watch: TopologyWatch;
  #owners: SlotOwners | null = null;
  /** All nodes of the topology read last. */
  #known: ReadonlySet<string | null> = new Set();

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
    const { topologyMsMax } = this.limits;
    this.foreign = new ForeignCommands(spec.commands);
    this.#learner = new Learner(this.foreign, this.turn, (args, purse) =>
      this.#askNode(this.upstream(2, 0).owner(null).address, args, topologyMsMax, purse),
    );
    this.#watch = new TopologyWatch(this.turn, this.limits, {
      toAsk: () => this.#toAsk(),
      ask: (address, args) => this.#askNode(address, args, topologyMsMax),
      take: (topology) => this.#take(topology),
    });
    this.#reading = new Reading(this, {
      ownMeter: services.ownMeter,
      dial: (address, protocol) => this.#door.dial(address, protocol, 0, true),
      ask: (address, args) => this.#askNode(address, args, topologyMsMax),
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

  get serverVersion(): string | null {
    return this.#door.versions.lowest;
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

  reading(protocol: Protocol, readFrom: ReadFrom, share: number): Upstream {
    const upstream = this.upstream(protocol, 0);
    if (this.kind === 'standalone' || readFrom === 'primary') return upstream;
    return this.#reading.way(upstream, readFrom, share);
  }

  /** Connected, authenticated, topology known: rejects with the first reason why not. */
  async warm(): Promise<void> {
    const upstream = this.upstream(2, 0);
    if (this.#spec.kind === 'cluster') {
      await this.#watch.refresh();
      if (this.#watch.error !== '') throw new Error(this.#watch.error);
    }
    const limits = { timeoutMs: this.limits.connectMsMax, purse: null };
    const pings = Array.from(upstream.connections, async (connection) => {
      const reply = await call(connection, this.#services.ownMeter, ['PING'], limits);
      if (reply.type === 'error') throw new Error(`${connection.address}: ${reply.text}`);
    });
    await Promise.all(pings);
    await this.#learner.learn();
  }

  backing(protocol: Protocol, database: number, prefix: Buffer | null, purse: Purse): Backing {
    const holder = holderOf(prefix, database);
    return new RedisBacking({
      upstream: this.upstream(2, database),
      clientUpstream: this.upstream(protocol, database),
      prefix,
      purse,
      timeoutMs: this.limits.commandDeadlineMs,
      meter: this.#services.ownMeter,
      slotOf: this.slotOf,
      borrow: (node) => this.lease({ protocol: 2, database, slot: null, holder, node }),
      askUrgently: (node, args) => this.#door.askUrgently(node, args),
    });
  }

  lease({ slot, node, ...borrower }: LeaseTarget): Promise<Lease> {
    const upstream = this.upstream(borrower.protocol, borrower.database);
    const address = (): string => node ?? upstream.owner(slot).address;
    return this.#leases.lease(address, borrower).catch((error: unknown) => {
      this.doubt();
      throw error;
    });
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
    this.#reading.moved();
    this.listeners.placeAll();
    this.doubt();
  }

  knows(address: string): boolean {
    return this.#known.has(address);
  }

  migrates(from: string, to: string): void {
    this.#reading.migrates(from, to);
  }

  doubt(): void {
    if (this.kind === 'cluster') this.#watch.doubt();
  }

  arrived(): void {
    this.#learner.doubt();
  }

  /** Several times a second: retries, reconnects, topology. */
  tick(): void {
    this.#tickAll();
    this.#learner.tick();
    if (this.kind === 'cluster') this.#watch.tick();
  }

  /** Ends once nothing is owed, or when `deadlineMs` have passed. */
  async retire(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (performance.now() < end && !this.#isQuiet()) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      this.#tickAll();
    }
    this.close();
  }

  close(): void {
    this.#watch.close();
    this.#leases.close();
    for (const upstream of this.#upstreams.values()) upstream.close();
    this.#reading.close();
    this.listeners.close();
  }

  /** One sample per node, over all its connections: for metrics and INFO. */
  samples(): BackendSample[] {
    const shared = [...this.#upstreams.values()].flatMap((one) => [...one.connections]);
    return samplesOf({
      backend: this.id,
      connections: [...shared, ...this.#reading.connections],
      owned: this.#leases.byNode(),
      listeners: this.listeners,
      isReplica: (address) => this.#reading.isReplica(address),
    });
  }

  #tickAll(): void {
    for (const upstream of this.#upstreams.values()) upstream.tick();
    this.#reading.tick();
    this.listeners.tick();
    this.#leases.tick();
  }

  #isQuiet(): boolean {
    const others = [this.#leases, this.#reading, this.listeners];
    return [...others, ...this.#upstreams.values()].every((one) => one.quiet);
  }

  #askNode(
    address: string,
    args: readonly string[],
    timeoutMs: number,
    purse: Purse | null = null,
  ): Promise<Resp> {
    const connection = this.upstream(2, 0).node(address);
    return call(connection, this.#services.ownMeter, args, { timeoutMs, purse });
  }

  /** Nodes that are connected first, then the others we know, then the seeds. */
  #toAsk(): string[] {
    const known = [...this.upstream(2, 0).connections];
    const ready = known.filter((one) => one.state === 'ready').map((one) => one.address);
    const seeds = this.#spec.kind === 'cluster' ? this.#spec.seeds.map(text) : [];
    return [...new Set([...ready, ...known.map((one) => one.address), ...seeds])];
  }

  #take({ owners, replicas }: Topology): void {
    const before = this.#owners;
    const same = before !== null && owners.every((owner, slot) => owner === before[slot]);
    this.#owners = owners;
    this.#known = new Set([...owners, ...[...replicas.values()].flat()]);
    this.#door.versions.keep(this.#known);
    if (!same) {
      for (const upstream of this.#upstreams.values()) upstream.own(owners, this.#firstSeed());
      this.listeners.placeAll();
    }
    this.#reading.take(replicas);
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
