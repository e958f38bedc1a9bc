/** One protocol version and database of a backend: its connections, and commands sent again. */
import { type CommandFacts, Flag, readsAnywhere } from '../../command/command.ts';
import type { ReplyTaker, Run } from '../../command/run.ts';
import type { Upstream } from '../../command/upstream.ts';
import type { ProcessCounters } from '../../observe/observe.ts';
import { encodeError, encodeRequest } from '../../resp/encoder.ts';
import type { Scripts } from '../../script/scripts.ts';
import type { Protocol } from '../../state.ts';
import type { Turn } from '../../turn.ts';
import { type ConnectionOwner, RedisConnection } from './connection.ts';
import { isOvertaken } from './overtake.ts';
import { laterPauseUs, type Redirect, readRedirect, readScriptRedirect } from './redirect.ts';
import { factsOf, isKeyed, type Places, runsScript, scriptOf, slotsOf } from './sent-command.ts';
import type { Dial } from './wire.ts';

export interface RetryLimits {
  /** A command is given up this long after it was first sent. */
  readonly commandDeadlineMs: number;
  /** A connection that owes replies and says nothing for so long is broken. */
  readonly silenceMsMax: number;
  /** Redirects followed for one command. */
  readonly redirectsMax: number;
}

/** What the backend does for its upstreams. */
export interface UpstreamHome extends Places {
  readonly turn: Turn;
  readonly limits: RetryLimits;
  readonly counters: ProcessCounters;
  readonly scripts: Scripts;
  dial(address: string, protocol: Protocol, database: number): Dial;
  /** A node said that `slot` lives at `address` now. */
  moved(slot: number, address: string): void;
  /** Whether a node of the cluster named `address` as another one. */
  knows(address: string): boolean;
  /** Something is wrong with the picture of the cluster: look again soon. */
  doubt(): void;
  /** ASK: `slot` moves from one primary to another. */
  migrates(from: string, to: string): void;
  /** A connection stands, perhaps to a server that is another one than before. */
  arrived(): void;
}

interface Waiting {
  readonly run: Run;
  readonly request: Buffer;
  readonly dueUs: number;
}

const asking = encodeRequest(['ASKING']);

export class RedisUpstream implements Upstream, ConnectionOwner {
  epoch = 0;
  single: RedisConnection | null = null;
  slots: RedisConnection[] | null = null;
  readonly reads = null;
  readonly plain = this;
  readonly protocol: Protocol;
  readonly database: number;
  readonly #home: UpstreamHome;
  readonly #nodes = new Map<string, RedisConnection>();
  /** Connections to nodes without slots, until nothing is owed there any more. */
  readonly #leaving = new Set<RedisConnection>();
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(home: UpstreamHome, protocol: Protocol, database: number) {
    this.#home = home;
    this.protocol = protocol;
    this.database = database;
  }

  get connections(): IterableIterator<RedisConnection> {
    return this.#nodes.values();
  }

  /** Addresses of the nodes that own slots, in slot order; the one address of a standalone. */
  primaries(): readonly string[] {
    const owners = this.single === null ? (this.slots ?? []) : [this.single];
    return [...new Set(owners.map((owner) => owner.address))];
  }

  /** The connection to the owner of `slot`, or to any primary where it is null. */
  owner(slot: number | null): RedisConnection {
    return this.single ?? (this.slots as RedisConnection[])[slot ?? 0]!;
  }

  /** The connection to `address`, made on first use; it dials when something is sent. */
  node(address: string): RedisConnection {
    let connection = this.#nodes.get(address);
    if (connection === undefined) {
      const dial = this.#home.dial(address, this.protocol, this.database);
      connection = new RedisConnection(address, this, this.#home.turn, dial);
      this.#nodes.set(address, connection);
    }
    return connection;
  }

  /** Takes on a new table; nodes without slots end once nothing is owed. */
  own(owners: readonly (string | null)[], fallback: string): void {
    const old = this.slots;
    this.slots = owners.map((owner, slot) =>
      owner === null && old !== null
        ? (old[slot] as RedisConnection)
        : this.node(owner ?? fallback),
    );
    this.epoch++;
    const used = new Set(this.slots);
    for (const [address, connection] of this.#nodes) {
      if (used.has(connection)) continue;
      this.#nodes.delete(address);
      connection.retire();
      if (connection.owes) this.#leaving.add(connection);
    }
  }

  ownOne(slot: number, address: string): void {
    if (this.slots === null || this.slots[slot]?.address === address) return;
    this.slots[slot] = this.node(address);
    this.epoch++;
  }

  redirected(run: Run, request: Buffer, reply: string, from: RedisConnection): void {
    const { counters, turn, limits } = this.#home;
    counters.redirects++;
    const isScript = runsScript(request, this.#home);
    const redirect = isScript ? this.#saidOf(reply, from) : readRedirect(reply, from.host);
    // "Later" is bounded by the deadline: a failover takes its time. A script may have run already.
    if (redirect?.kind !== 'later' || isScript) run.attempts++;
    if (redirect === null) {
      this.#refuse(run, reply.slice(1));
      return;
    }
    if (redirect.kind === 'unloaded') {
      this.#reload(run, request, reply, from);
      return;
    }
    if (this.#tooLate(run) || run.attempts > limits.redirectsMax) {
      this.#refuse(run, `${reply.slice(1)} (given up after ${run.attempts} tries)`);
      return;
    }
    if (redirect.kind === 'later') {
      this.#home.doubt();
      if (!this.#mayWait(run, request)) {
        this.#refuse(run, reply.slice(1));
        return;
      }
      this.#wait(run, request, turn.nowUs() + laterPauseUs(turn.nowUs() - run.startedUs));
      return;
    }
    const address = `${redirect.host}:${redirect.port}`;
    if (isScript) this.#home.doubt();
    else if (redirect.kind === 'moved') this.#home.moved(redirect.slot, address);
    else this.#home.migrates(from.address, address);
    counters.retries++;
    this.node(address).resend(run, request, redirect.kind === 'ask' ? asking : null);
  }

  #saidOf(reply: string, from: RedisConnection): Redirect | null {
    const knows = (one: string): boolean => this.#nodes.has(one) || this.#home.knows(one);
    return readScriptRedirect(reply, from.host, this.single === null ? knows : null);
  }

  /**
   * The server does not know the script, this proxy may: the script first, then the command again.
   * Where a younger command went ahead already the client is told, as Redis would, and has EVAL.
   * One that was given and still is not there does not compile: nobody need give it again.
   */
  #reload(run: Run, request: Buffer, reply: string, from: RedisConnection): void {
    const { scripts } = this.#home;
    const digest = scriptOf(request, this.#home);
    if (run.attempts > loadsMax) scripts.drop(digest);
    const mayWait = !this.#tooLate(run) && this.#mayWait(run, request);
    const body = mayWait ? scripts.body(digest) : null;
    if (body === null) {
      this.#refuse(run, reply.slice(1));
      return;
    }
    this.#home.counters.retries++;
    from.resend(run, request, encodeRequest(['SCRIPT', 'LOAD', body]));
  }

  unanswered(run: Run, request: Buffer, sent: boolean, reason: string): void {
    const { counters, turn } = this.#home;
    counters.backendErrors++;
    this.#home.doubt();
    const facts = factsOf(request, this.#home);
    const reads = facts !== null && (facts.flags & Flag.readonly) !== 0;
    // What was not sent cannot be overtaken: all that came after it was not sent either.
    const harmless = isKeyed(facts) && (!sent || (reads && this.#mayWait(run, request)));
    if (this.#closed || !harmless || this.#tooLate(run)) {
      this.#refuse(run, `ERR ${sent ? lostWords : 'backend unavailable'}: ${reason}`);
      return;
    }
    counters.retries++;
    this.#wait(run, request, turn.nowUs() + unansweredUs);
  }

  changed(connection: RedisConnection): void {
    if (connection.state === 'down') {
      this.#home.counters.backendReconnects++;
      this.#home.doubt();
    } else if (connection.state === 'ready') {
      this.#home.arrived();
    }
  }

  /** Several times a second. */
  tick(): void {
    const { turn, limits } = this.#home;
    const silenceUsMax = limits.silenceMsMax * 1000;
    for (const connection of this.#nodes.values()) connection.tick(silenceUsMax);
    for (const connection of this.#leaving) {
      connection.tick(silenceUsMax);
      if (!connection.owes) this.#leaving.delete(connection);
    }
    if (this.#waiting.length === 0) return;
    const nowUs = turn.nowUs();
    const all = this.#waiting;
    this.#waiting = all.filter((one) => one.dueUs > nowUs);
    for (const one of all) if (one.dueUs <= nowUs) this.#again(one);
  }

  /** Whether nothing is owed or waiting any more. */
  get quiet(): boolean {
    if (this.#waiting.length > 0) return false;
    if (this.#leaving.size > 0) return false;
    for (const connection of this.#nodes.values()) if (connection.owes) return false;
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#nodes.values(), ...this.#leaving]) connection.close();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { run } of waiting) {
      (run.taker as ReplyTaker).delay(-1);
      this.#refuse(run, 'ERR backend unavailable: it was removed');
    }
  }

  #tooLate(run: Run): boolean {
    const ageUs = this.#home.turn.nowUs() - run.startedUs;
    return ageUs > this.#home.limits.commandDeadlineMs * 1000;
  }

  /**
   * Not where a younger command of the same client, already sent, could be executed before it; nor
   * the proxy's own commands, which are meant for this one connection. What may be read from a
   * replica may always: see `isOvertaken`.
   */
  #mayWait(run: Run, request: Buffer): boolean {
    const facts = factsOf(request, this.#home);
    if (!isKeyed(facts)) return false;
    if (run.loose || this.#readsOf(run, facts) !== null) return true;
    const reads = (facts.flags & Flag.readonly) !== 0;
    const place = (run.taker as ReplyTaker).place(run);
    return !isOvertaken(place, slotsOf(request, this.#home), reads, this.#home);
  }

  /** Where the client of `run` reads, by slot, if it may do so elsewhere in this cluster; else null. */
  #readsOf(run: Run, facts: CommandFacts): readonly RedisConnection[] | null {
    const { way } = (run.taker as ReplyTaker).place(run).taker as ReplyTaker;
    const mine = way != null && way.plain === this && readsAnywhere(facts);
    return mine ? (way.reads as readonly RedisConnection[] | null) : null;
  }

  #wait(run: Run, request: Buffer, dueUs: number): void {
    (run.taker as ReplyTaker).delay(1);
    this.#waiting.push({ run, request, dueUs });
  }

  #again(one: Waiting): void {
    const { run, request } = one;
    const taker = run.taker as ReplyTaker;
    const [slot = 0] = this.single === null ? slotsOf(request, this.#home) : [];
    const facts = factsOf(request, this.#home);
    const reads = facts === null ? null : this.#readsOf(run, facts);
    (reads?.[slot] ?? this.owner(slot)).resend(run, request, null);
    taker.delay(-1);
  }

  /** `message` begins with the error's first word. */
  #refuse(run: Run, message: string): void {
    const blank = message.indexOf(' ');
    const reply = encodeError(message.slice(0, blank), message.slice(blank + 1));
    run.errors++;
    run.answered++;
    run.count = 0;
    (run.taker as ReplyTaker).take(run, reply, 0, reply.length, 1, true);
  }
}

/** A server may lose a script again while it is given. */
const loadsMax = 3;
/** How long one waits whose connection broke: by then the topology may have been read again. */
const unansweredUs = 50_000;
const lostWords = 'the connection broke before the reply; the command may have been executed';
