/** Managed positions of this proxy: its clients' wishes forwarded, its own units owned, all on one timer. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Logger } from 'pino';
import type { PositionsSample } from '../observe/position-metrics.ts';
import type { ProxyState, TopicView } from '../state.ts';
import { AnswerBudget } from './answer-budget.ts';
import type { Ask, SessionId, UnitName, Verdict } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { Forwarders } from './forwarders.ts';
import type { KeyStore } from './key-store.ts';
import { NatsKeys } from './nats-keys.ts';
import { NoticeSender } from './notice-sender.ts';
import type { CreateOwner } from './owned-unit.ts';
import type { OwnerLimits } from './owner.ts';
import { drainMsMax, Ownership } from './ownership.ts';
import type { Place } from './place.ts';
import { type Popping, type PopWish, PositionError, type Positions } from './positions.ts';
import { Sessions } from './sessions.ts';
import { type Asker, Transport } from './transport.ts';
import { UnitLeases } from './unit-leases.ts';
import { Waiting } from './waiting.ts';
import { type Question, type Reply, writeAsk, writeClaim } from './wire.ts';

export interface PositionLimits {
  /** How long a command waits for an owner or an open window. */
  readonly popMsMax: number;
  /** Commands that wait for records: of one unit, and of all; no tenant has more than are free. */
  readonly unitWaitingMax: number;
  readonly waitingMax: number;
  /** Content of answers of other proxies that are under way. */
  readonly answerBytesMax: number;
  readonly unitsMax: number;
  readonly owner: OwnerLimits;
}

export interface ManagedOptions {
  readonly proxyId: string;
  readonly clock: Clock;
  /** Milliseconds from any origin, never stepping back. */
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** The connection to NATS while the server answers. */
  readonly connection: () => NatsConnection | null;
  /** At the end of this turn of the event loop. */
  readonly later: (work: () => void) => void;
  readonly createOwner: CreateOwner;
  readonly limits: PositionLimits;
  /** Buckets, for a test that has its own. */
  readonly stores?: { readonly sessions: KeyStore; readonly units: KeyStore };
}

const tickMs = 100;
const claimMsMax = 500;
/** An owner that asks Kafka answers within its own deadline; so much more for the way. */
const askMsMore = 1_000;

export class ManagedPositions implements Positions {
  readonly #options: ManagedOptions;
  readonly #transport: Transport;
  readonly #sessions: Sessions;
  readonly #ownership: Ownership;
  readonly #notices: NoticeSender;
  readonly #forwarders: Forwarders;
  readonly #waiting = new Waiting();
  readonly #budget: AnswerBudget;
  readonly #ahead = { bytes: 0 };
  readonly #numbers = { last: 0 };
  #state: ProxyState | null = null;
  #isDraining = false;
  #cancelTick: () => void = () => {};

  constructor(options: ManagedOptions) {
    this.#options = options;
    this.#forwarders = new Forwarders((unit) => this.#newForwarder(unit), options.nowMs);
    const { proxyId, clock, nowMs, logger, connection, limits, createOwner } = options;
    const { answerBytesMax, unitsMax } = limits;
    this.#budget = new AnswerBudget(answerBytesMax);
    this.#notices = new NoticeSender({ proxyId, connection, now: () => clock.now() });
    this.#transport = new Transport({
      ...{ clock, nowMs, connection, logger },
      serve: (question) => this.#serve(question),
      hinted: ({ unit, epoch }) => this.#hinted(unit, epoch),
    });
    const storeOf = (bucket: string) => new NatsKeys({ bucket, clock, connection });
    const { sessions: sessionKeys, units: unitKeys } = options.stores ?? {
      sessions: storeOf(sessionBucket),
      units: storeOf(unitBucket),
    };
    this.#sessions = new Sessions({
      ...{ proxyId, clock, nowMs, logger, keys: sessionKeys },
      begin: (session) => this.#transport.listen(session),
      end: (session) => this.#sessionEnded(session),
      probe: (session) => this.#transport.probe(session),
    });
    this.#ownership = new Ownership({
      ...{ nowMs, logger, createOwner, unitsMax },
      // Owners measure with it how long records are out: nobody may set it.
      clock: { now: nowMs, after: (ms, then) => clock.after(ms, then) },
      limits: limits.owner,
      ahead: this.#ahead,
      sessions: this.#sessions,
      leases: new UnitLeases(unitKeys),
      session: () => this.#sessions.session,
      isGone: (session) => this.#sessions.isGone(session),
      hint: (session, unit, epoch) => this.#hint(session, unit, epoch),
      notice: (notice) => this.#notices.send(notice),
      claim: (session, unit) => this.#claim(session, unit),
      topicOf: (unit) => this.#topicOf(unit),
    });
    this.#tickSoon();
  }

  pop(wish: PopWish): Popping {
    if (this.#isDraining) return refused(ended());
    const { waitingMax, unitWaitingMax } = this.#options.limits;
    const forwarder = this.#forwarders.of(wish.unit);
    // A tenant has at most as many as it leaves free: whatever it does, there is room for others.
    const free = waitingMax - this.#waiting.count;
    const isFull = this.#waiting.of(wish.unit.tenant).count >= free;
    if (isFull || forwarder.waiting >= unitWaitingMax) return refused(overloaded(wish));
    return forwarder.pop(wish);
  }

  async judge(
    unit: UnitName,
    _topic: TopicView,
    verdicts: readonly Verdict[],
  ): Promise<readonly boolean[]> {
    if (this.#isDraining) throw ended();
    return await this.#forwarders.of(unit).judge(verdicts);
  }

  /** The configuration changed; leases begin once there is a topic. */
  follow(state: ProxyState): void {
    this.#state = state;
    if (!this.#isDraining && hasTopics(state)) this.#sessions.start();
    this.#ownership.follow();
  }

  /**
   * When no client is left: says what became of the last loans, commits, and lets go of everything,
   * so that other proxies need not wait. Ends within `ms`.
   */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    const { clock, logger } = this.#options;
    const late = Promise.withResolvers<'late'>();
    const cancel = clock.after(ms, () => late.resolve('late'));
    const done = this.#drainAll(Math.min(ms, drainMsMax)).then(() => 'done' as const);
    const outcome = await Promise.race([done, late.promise]);
    cancel();
    if (outcome === 'late') logger.warn({ ms }, 'positions were not let go in time');
    this.#cancelTick();
    const { session } = this.#sessions;
    if (session !== null) this.#sessionEnded(session);
  }

  /** Sessions of proxies that are alive, this one's among them. */
  alive(): readonly SessionId[] {
    return this.#sessions.alive();
  }

  /** Units this proxy owns. */
  owned(): readonly UnitName[] {
    return this.#ownership.units.map(({ lease }) => lease.unit);
  }

  sample(): PositionsSample {
    return {
      ...this.#ownership.sample(),
      leased: this.#sessions.holds(),
      leasesLost: this.#sessions.losses,
      waiting: this.#waiting.count,
      aheadBytes: this.#ahead.bytes,
      noticesSent: this.#notices.counts.sent,
      noticesLost: this.#notices.counts.lost,
      dropped: this.#transport.dropped,
    };
  }

  async #drainAll(ms: number): Promise<void> {
    const heard = this.#forwarders.close();
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(ms, late.resolve);
    await Promise.race([heard, late.promise]);
    cancel();
    await this.#ownership.drain(ms);
    await this.#sessions.stop();
  }

  #newForwarder(unit: UnitName): Forwarder {
    const { clock, nowMs, later, limits } = this.#options;
    return new Forwarder(unit, {
      ...{ clock, nowMs, later },
      budget: this.#budget.of(unit.tenant),
      numbers: this.#numbers,
      waiting: this.#waiting.of(unit.tenant),
      popMsMax: limits.popMsMax,
      session: () => this.#sessions.session,
      isGone: (session) => this.#sessions.isGone(session),
      locate: (name, not) => this.#ownership.locate(name, not),
      ask: (place, ask, asker) => this.#ask(place, ask, asker),
    });
  }

  /** An owner in this process is asked without a detour. */
  #ask({ owner, session }: Place, ask: Ask, asker: Asker): void {
    const msMax = this.#options.limits.owner.askMsMax + askMsMore;
    if (owner === null) this.#transport.ask(session, writeAsk(ask), msMax, asker);
    else void this.#ownership.serveAsk(ask).then((answer) => asker.answered(answer));
  }

  async #claim(session: SessionId, unit: UnitName): Promise<number | null> {
    const own = this.#sessions.session;
    if (own === null) return null;
    const reply = await this.#transport.request(session, writeClaim(unit, own), claimMsMax);
    return typeof reply !== 'string' && reply.kind === 'claimed' ? reply.epoch : null;
  }

  #serve(question: Question): Promise<Reply> | Reply {
    switch (question.kind) {
      case 'ask':
        return this.#ownership.serveAsk(question.ask);
      case 'claim':
        return this.#isDraining ? { kind: 'declined' } : this.#ownership.serveClaim(question.unit);
      default:
        return { kind: 'pong' };
    }
  }

  #hint(session: SessionId, unit: UnitName, epoch: number): void {
    if (session === this.#sessions.session) this.#hinted(unit, epoch);
    else this.#transport.hint(session, { unit, epoch });
  }

  #hinted(unit: UnitName, epoch: number): void {
    this.#forwarders.hinted(unit, epoch);
  }

  #sessionEnded(session: SessionId): void {
    this.#transport.close(session);
    this.#ownership.fenceAll(session);
  }

  #topicOf({ tenant, topic, consumer }: UnitName): TopicView | null {
    const found = this.#state?.tenants.get(tenant)?.topics.get(topic);
    return found?.consumers.has(consumer) === true ? found : null;
  }

  #tickSoon(): void {
    this.#cancelTick = this.#options.clock.after(tickMs, () => {
      // First: a fault in one tick must not be the end of all.
      this.#tickSoon();
      this.#tick();
    });
  }

  #tick(): void {
    this.#sessions.tick();
    this.#transport.tick();
    this.#ownership.tick();
    this.#forwarders.tick();
  }
}

function hasTopics({ tenants }: ProxyState): boolean {
  for (const { topics } of tenants.values()) {
    for (const { backend } of topics.values()) if (backend !== null) return true;
  }
  return false;
}

function ended(): PositionError {
  return new PositionError('closed', 'the proxy ends');
}

function overloaded({ unit }: PopWish): KafkaError {
  return new KafkaError('overloaded', `too many commands wait for records of '${unit.topic}'`);
}

function refused(error: Error): Popping {
  return { deliveries: Promise.reject(error), cancel: () => {} };
}
