/** Connections to replicas, and where the reads of each slot go; one for each protocol of a cluster. */
import type { ReadFrom } from '@respool/contracts/entities';
import { CommandError } from '../../command/backing.ts';
import type { Run } from '../../command/run.ts';
import type { Upstream } from '../../command/upstream.ts';
import type { Meter } from '../../observe/meter.ts';
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';
import { call } from './call.ts';
import { type ConnectionOwner, RedisConnection } from './connection.ts';
import { choose, type ReadNode, smoothed } from './read-choice.ts';
import { ReadWay, readShares } from './read-way.ts';
import { readRedirect } from './redirect.ts';
import { factsOf, isKeyed, runsScript, scriptOf, slotsOf } from './sent-command.ts';
import type { Replicas } from './topology.ts';
import type { RedisUpstream, UpstreamHome } from './upstream.ts';
import type { Dial } from './wire.ts';

export interface ReaderServices {
  /** Counts the proxy's own commands. */
  readonly ownMeter: Meter;
  /** Opens a connection that reads from a replica. */
  readonly dial: (address: string, protocol: 2 | 3) => Dial;
  /** Whether the primary at `address` is moving slots; see `Migrations`. */
  readonly moving: (address: string) => boolean;
}

/** A node that refused a read, or was lost, is left alone so long. */
const avoidUs = 1_000_000;
const probeEveryUs = 1_000_000;
const probeMsMax = 1000;

/** What is known of one node of the cluster. */
class Node implements ReadNode {
  readonly address: string;
  /** To read from: READONLY to a replica, the one of all commands to a primary. */
  connection: RedisConnection;
  tripUs = Number.POSITIVE_INFINITY;
  follows = true;
  avoided = false;
  avoidedUntilUs = 0;
  probed = false;

  constructor(connection: RedisConnection) {
    this.address = connection.address;
    this.connection = connection;
  }

  get up(): boolean {
    return this.connection.state === 'ready';
  }

  get sound(): boolean {
    return this.follows && !this.avoided;
  }
}

export class Readers implements ConnectionOwner {
  /** A read keeps no order with writes, which another node executes. */
  readonly loose = true;
  readonly #home: UpstreamHome;
  readonly #services: ReaderServices;
  readonly #upstream: RedisUpstream;
  readonly #ways = new Map<string, ReadWay>();
  readonly #replicas = new Map<string, Node>();
  readonly #primaries = new Map<string, Node>();
  readonly #leaving = new Set<RedisConnection>();
  #topology: Replicas = new Map();
  #chosen = new Map<string, readonly Node[]>();
  #probedUs = 0;
  #turns = 0;
  #closed = false;

  constructor(home: UpstreamHome, services: ReaderServices, upstream: RedisUpstream) {
    this.#home = home;
    this.#services = services;
    this.#upstream = upstream;
  }

  /** `share` spreads clients: each keeps one node of a shard, so that its replies come by one way. */
  way(readFrom: ReadFrom, share: number): Upstream {
    const part = share % readShares;
    const key = `${readFrom} ${part}`;
    let way = this.#ways.get(key);
    if (way === undefined) {
      way = new ReadWay(this.#upstream, readFrom, part);
      this.#ways.set(key, way);
      this.#choose(true);
    }
    return way;
  }

  get connections(): readonly RedisConnection[] {
    return [...this.#replicas.values()].map(({ connection }) => connection);
  }

  /** The upstream has its slots; `replicas` follow their owners. */
  take(replicas: Replicas): void {
    this.#topology = replicas;
    const wanted = new Set([...replicas.values()].flat());
    for (const [address, { connection }] of this.#replicas) {
      if (wanted.has(address)) continue;
      this.#replicas.delete(address);
      connection.retire();
      if (connection.owes) this.#leaving.add(connection);
    }
    for (const address of wanted) {
      if (!this.#replicas.has(address)) this.#replicas.set(address, this.#open(address));
    }
    this.#choose(true);
  }

  #open(address: string): Node {
    const dial = this.#services.dial(address, this.#upstream.protocol);
    const connection = new RedisConnection(address, this, this.#home.turn, dial);
    connection.connect();
    return new Node(connection);
  }

  /** Several times a second. `moved`: slots have other owners since the last time. */
  tick(moved: boolean): void {
    const { turn, limits } = this.#home;
    const silenceUsMax = limits.silenceMsMax * 1000;
    const nowUs = turn.nowUs();
    for (const node of this.#replicas.values()) {
      node.connection.tick(silenceUsMax);
      if (node.avoided && nowUs >= node.avoidedUntilUs) node.avoided = false;
    }
    for (const connection of this.#leaving) {
      connection.tick(silenceUsMax);
      if (!connection.owes) this.#leaving.delete(connection);
    }
    if (nowUs - this.#probedUs >= probeEveryUs) this.#probeAll(nowUs);
    this.#choose(moved);
  }

  get quiet(): boolean {
    return this.#leaving.size === 0 && this.connections.every((one) => !one.owes);
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.connections, ...this.#leaving]) connection.close();
  }

  /** The upstream goes on with what only a primary can settle, bounds on tries and time included. */
  redirected(run: Run, request: Buffer, reply: string, from: RedisConnection): void {
    const { scripts } = this.#home;
    const redirect = readRedirect(reply, from.host);
    // What a script says is no reason to avoid its node.
    const own = !runsScript(request, this.#home);
    const refuses = own && redirect.kind === 'later' && !reply.startsWith('-TRYAGAIN');
    const lost = own && redirect.kind === 'moved' && this.#owns(redirect);
    if (refuses || lost) this.#avoid(from);
    const lacks =
      redirect.kind === 'unloaded' && scripts.body(scriptOf(request, this.#home)) === null;
    if ((refuses || lacks) && !this.#tooLate(run)) {
      this.#home.counters.redirects++;
      this.#home.doubt();
      this.#elsewhere(run, request, lacks);
    } else {
      this.#upstream.redirected(run, request, reply, from);
    }
  }

  /** Whatever was asked of a replica only reads, so it may be asked again. */
  unanswered(run: Run, request: Buffer, sent: boolean, reason: string): void {
    const { counters } = this.#home;
    const isRead = isKeyed(factsOf(request, this.#home));
    if (this.#closed || !isRead || this.#tooLate(run)) {
      this.#upstream.unanswered(run, request, sent, reason);
      return;
    }
    counters.backendErrors++;
    this.#home.doubt();
    this.#elsewhere(run, request, false);
  }

  changed(connection: RedisConnection): void {
    if (connection.state !== 'down') {
      this.#choose(false);
      return;
    }
    this.#home.counters.backendReconnects++;
    this.#home.doubt();
    this.#avoid(connection);
  }

  /** To another replica of the shard that serves; `last` or where there is none to the primary. */
  #elsewhere(run: Run, request: Buffer, last: boolean): void {
    this.#home.counters.retries++;
    const owner = this.#upstream.owner(slotsOf(request, this.#home)[0] ?? null);
    const others = last ? [] : this.#nodesOf(owner.address).filter((one) => one.up && one.sound);
    const other = others[this.#turns++ % Math.max(1, others.length)];
    (other?.connection ?? owner).resend(run, request, null);
  }

  /** Nobody is asked twice at once: who refused is avoided, and who broke is down. So time bounds it. */
  #tooLate(run: Run): boolean {
    const { turn, limits } = this.#home;
    return turn.nowUs() - run.startedUs > limits.commandDeadlineMs * 1000;
  }

  /** A replica sends reads to the very primary we thought it follows: it follows another one now. */
  #owns({ slot, host, port }: { slot: number; host: string; port: number }): boolean {
    return this.#upstream.owner(slot).address === `${host}:${port}`;
  }

  #avoid({ address }: RedisConnection): void {
    const node = this.#replicas.get(address);
    if (node !== undefined) {
      node.avoided = true;
      node.avoidedUntilUs = this.#home.turn.nowUs() + avoidUs;
    }
    this.#choose(false);
  }

  #nodesOf(primary: string): Node[] {
    return (this.#topology.get(primary) ?? []).flatMap((one) => this.#replicas.get(one) ?? []);
  }

  /** Chooses anew for each shard; the ways get new tables where that changed anything, or `always`. */
  #choose(always: boolean): void {
    const owners = new Set(this.#upstream.slots ?? []);
    const chosen = new Map<string, readonly Node[]>();
    const modes = new Set([...this.#ways.values()].map(({ readFrom }) => readFrom));
    let changed = always;
    for (const owner of owners) {
      const primary = this.#primaryOf(owner);
      const replicas = this.#services.moving(owner.address) ? [] : this.#nodesOf(owner.address);
      for (const readFrom of modes) {
        const key = `${readFrom} ${owner.address}`;
        const before = this.#chosen.get(key) ?? [];
        const now = choose(readFrom, primary, replicas, before);
        chosen.set(key, now);
        changed ||= now.length !== before.length || now.some((one, at) => one !== before[at]);
      }
    }
    this.#chosen = chosen;
    if (!changed) return;
    const nodesOf = (readFrom: ReadFrom, owner: RedisConnection): readonly RedisConnection[] =>
      (chosen.get(`${readFrom} ${owner.address}`) ?? []).map(({ connection }) => connection);
    for (const way of this.#ways.values()) way.fill(nodesOf);
  }

  #primaryOf(owner: RedisConnection): Node {
    let node = this.#primaries.get(owner.address);
    if (node === undefined) {
      node = new Node(owner);
      this.#primaries.set(owner.address, node);
    }
    node.connection = owner;
    return node;
  }

  #probeAll(nowUs: number): void {
    this.#probedUs = nowUs;
    for (const node of this.#replicas.values()) void this.#probe(node, 'ROLE');
    const measures = [...this.#ways.values()].some(({ readFrom }) => readFrom === 'nearest');
    const owners = new Set(this.#upstream.slots ?? []);
    for (const [address, node] of this.#primaries) {
      if (!owners.has(node.connection)) this.#primaries.delete(address);
      else if (measures && node.up) void this.#probe(node, 'PING');
    }
  }

  /** One question at a time: how long the node takes, and whether it follows its primary. */
  async #probe(node: Node, command: 'ROLE' | 'PING'): Promise<void> {
    if (node.probed) return;
    node.probed = true;
    const { turn } = this.#home;
    const limits = { timeoutMs: probeMsMax, purse: null };
    const [wasUp, startedUs] = [node.up, turn.nowUs()];
    try {
      const reply = await call(node.connection, this.#services.ownMeter, [command], limits);
      // What waited for a connection to be made tells nothing about the way.
      if (wasUp) node.tripUs = smoothed(node.tripUs, turn.nowUs() - startedUs);
      if (command === 'ROLE') node.follows = follows(reply);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    } finally {
      node.probed = false;
    }
  }
}

/** Source: Redis ROLE. A server that does not allow the question is believed to follow. */
function follows(reply: Resp): boolean {
  const [role, , , link] = itemsOf(reply) ?? [];
  if (role === undefined || textOf(role) !== 'slave') return true;
  return link !== undefined && textOf(link) === 'connected';
}
