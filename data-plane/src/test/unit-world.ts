/** Proxies that ask owners of one unit, owners that come and go, and a Kafka that fails: by luck. */
import type { Operation } from '@respool/kafka/memory';
import type { Answer, Loan, SessionId } from '../positions/exchange.ts';
import type { UnitOwner } from '../positions/unit.ts';
import type { Random } from './random.ts';
import { AsksOut, arrive } from './unit-asks.ts';
import { committedNow, Oracle } from './unit-oracle.ts';
import { group, kafkaName, UnitRig } from './unit-rig.ts';

export interface WorldOptions {
  readonly random: Random;
  /** Owners that were replaced go on for a while, and commits may arrive late. */
  readonly isWild: boolean;
  readonly isManual: boolean;
}

interface Ownership {
  readonly owner: UnitOwner;
  holds: boolean;
}

interface Had {
  readonly loan: Loan;
  /** False of one that is given back as if it had not been lent. */
  wasSeen: boolean;
  readonly ownership: Ownership;
}

interface Proxy {
  session: SessionId;
  /** The owner it believes in. */
  target: Ownership;
  readonly has: Had[];
  /** What it says next, each until an ask that carried it was answered. */
  readonly acks: Had[];
  readonly nacks: Had[];
  /** It does not number its asks, as earlier builds. */
  readonly isOld: boolean;
  asks: AsksOut;
}

const reads: readonly Operation[] = ['fetchAt', 'listOffsets', 'committed', 'topic'];

export class World {
  readonly rig: UnitRig;
  readonly oracle: Oracle;
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #partitions: number;
  readonly #owners: Ownership[] = [];
  readonly #proxies: Proxy[];
  #sessions = 0;
  #numbers = 0;
  #current: Ownership;
  /** Told to nobody until it is over: asks under way. */
  readonly #asking = new Set<Promise<void>>();

  constructor(options: WorldOptions) {
    const { random, isWild, isManual } = options;
    this.#options = options;
    this.#random = random;
    this.#partitions = 1 + random.below(4);
    const window = 1 + random.below(20);
    this.rig = new UnitRig({
      partitions: this.#partitions,
      answerMs: random.below(6),
      topic: { window, ...(isManual ? { ack: 'manual', ackMs: 2_000 } : {}) },
      limits: { askMsMax: 1_000, commitRecords: 1 + random.below(10), loanMsMax: 3_000 },
    });
    this.oracle = new Oracle(this.rig.kafka, this.#partitions, window);
    this.oracle.boundsRepeats = !isWild;
    this.#current = this.#begin();
    this.#proxies = [true, false, false].map((isOld) => {
      const session = this.#newSession();
      const has = { has: [], acks: [], nacks: [] };
      return { session, target: this.#current, ...has, isOld, asks: new AsksOut(this.oracle) };
    });
  }

  async step(): Promise<void> {
    const luck = this.#random.next();
    const proxy = this.#random.pick(this.#proxies);
    if (luck < 0.15) this.#push();
    else if (luck < 0.6) this.#ask(proxy, 1 + this.#random.below(8));
    else if (luck < 0.75) this.#work(proxy);
    else if (luck < 0.77) this.#die(proxy);
    else if (luck < 0.8) await this.#replace();
    else if (luck < 0.84) this.#fault();
    else if (luck < 0.845) await this.#away();
    else if (luck < 0.85) this.rig.kafka.setMember(group, this.#random.chance(0.3));
    else if (luck < 0.86) this.#trim();
    else if (luck < 0.87) this.#turnTo(proxy, this.#random.pick(this.#owners));
    else await this.#pass(this.#random.below(300));
  }

  /** Nothing fails any more; true once everything was delivered, done and committed. */
  async settle(msMax: number): Promise<boolean> {
    this.rig.kafka.setMember(group, false);
    for (const one of this.#owners) if (one !== this.#current) one.holds = false;
    for (let ms = 0; ms < msMax; ms += 100) {
      for (const proxy of this.#proxies) {
        this.#turnTo(proxy, this.#current);
        while (proxy.has.length > 0) this.#finish(proxy, true);
        this.#ask(proxy, 20, true);
      }
      await this.#pass(100);
      if (this.oracle.open === 0 && this.#isCommitted()) break;
    }
    // A commit of some owner that arrived late may have undone the last: that is made good.
    await this.#pass(20_000);
    await Promise.all(this.#asking);
    return this.oracle.open === 0 && this.#isCommitted();
  }

  describe(): string {
    const { open, delivered, repeatsMax } = this.oracle;
    const committed = committedNow(this.rig.kafka, this.#partitions);
    const state = JSON.stringify(this.#current.owner.sample());
    const logs = committed.map((offset, partition) => {
      const { startOffset, endOffset } = this.rig.kafka.log({ topic: kafkaName, partition });
      return `${startOffset} ≤ ${offset} ≤ ${endOffset}`;
    });
    const counts = `${open} open, ${delivered} delivered, ${repeatsMax} repeated`;
    return `${counts}, committed ${logs.join(', ')}: ${state}`;
  }

  #isCommitted(): boolean {
    const committed = committedNow(this.rig.kafka, this.#partitions);
    return committed.every((offset, partition) => {
      return offset === this.rig.kafka.log({ topic: kafkaName, partition }).endOffset;
    });
  }

  #push(): void {
    const partition = this.#random.below(this.#partitions);
    const log = this.rig.kafka.log({ topic: kafkaName, partition });
    if (this.#random.chance(0.2)) {
      const transaction = { state: 'open' } as const;
      log.write([this.rig.record('aborted')], transaction);
      log.end(transaction, 'aborted');
    }
    for (let count = this.#random.below(12); count >= 0; count--) {
      const transaction = { state: 'committed' } as const;
      // Offsets of a log are its own affair: here the content says which one it got.
      const next = log.endOffset;
      const offset = log.write([this.rig.record(`${partition}:${next}`)], transaction);
      this.oracle.pushed(partition, offset);
    }
  }

  /** Each says what it has to say; the question, or the answer, may be lost or late or come twice. */
  #ask(proxy: Proxy, take: number, isSafe = false): void {
    const { session, target, asks } = proxy;
    const mine = ({ ownership }: Had) => ownership === target;
    const [acks, nacks] = [proxy.acks.filter(mine), proxy.nacks.filter(mine)];
    const byPlace = this.#options.isManual && this.#random.chance(0.3) ? acks.splice(0) : [];
    const turn = proxy.isOld ? null : asks.turn(++this.#numbers);
    const nacked = nacks.filter(({ wasSeen }) => wasSeen).map(({ loan }) => loan.id);
    const [refused, doubts] = this.#random.chance(0.3) ? [[], nacked] : [nacked, []];
    const ask = {
      unit: target.owner.unit,
      epoch: target.owner.epoch,
      from: session,
      take: this.#random.chance(0.1) ? 0 : take,
      bytesMax: this.#random.chance(0.1) ? 10 : 2 ** 20,
      waits: this.#random.chance(0.5),
      acks: acks.map(({ loan }) => loan.id),
      ...{ nacks: refused, doubts },
      returns: nacks.filter(({ wasSeen }) => !wasSeen).map(({ loan }) => loan.id),
      verdicts: byPlace.map(({ loan }) => {
        return { partition: loan.partition, offset: loan.offset, done: true };
      }),
      turn,
    };
    const isLost = !isSafe && this.#random.chance(0.1);
    asks.sent(turn, isLost);
    const said = new Set([...acks, ...nacks, ...byPlace]);
    const exchange = () => this.#hear(target, target.owner.exchange(ask));
    const luck = { random: this.#random, clock: this.rig.clock };
    const asked = arrive(ask, exchange, isLost ? asks : null, luck).then((answer) => {
      if (answer === null || !asks.takes(turn) || proxy.session !== session) return;
      keepIf(proxy.acks, (one) => !said.has(one));
      keepIf(proxy.nacks, (one) => !said.has(one));
      if (answer.kind === 'fenced') this.#forget(proxy, target);
      if (answer.kind !== 'loans') return;
      asks.heard(turn);
      proxy.has.push(...answer.loans.map((loan) => ({ loan, wasSeen: true, ownership: target })));
    });
    this.#asking.add(asked);
    void asked.finally(() => this.#asking.delete(asked));
  }

  #turnTo(proxy: Proxy, target: Ownership): void {
    if (proxy.target !== target) proxy.asks = new AsksOut(this.oracle);
    proxy.target = target;
  }

  async #hear({ owner }: Ownership, answer: Promise<Answer>): Promise<Answer> {
    const heard = await answer;
    if (heard.kind === 'loans') for (const loan of heard.loans) this.oracle.lent(owner.epoch, loan);
    return heard;
  }

  /** That owner is no more: it goes to the one there is. */
  #forget(proxy: Proxy, ended: Ownership): void {
    for (const list of [proxy.acks, proxy.nacks]) keepIf(list, (one) => one.ownership !== ended);
    if (proxy.target === ended) this.#turnTo(proxy, this.#current);
  }

  #work(proxy: Proxy): void {
    for (let count = this.#random.below(6); count > 0 && proxy.has.length > 0; count--) {
      this.#finish(proxy, this.#random.chance(0.85));
    }
  }

  #finish(proxy: Proxy, isDone: boolean): void {
    const [had] = proxy.has.splice(this.#random.below(proxy.has.length), 1);
    if (had === undefined) return;
    had.wasSeen = isDone || this.#random.chance(0.5);
    if (isDone) this.oracle.done(had.loan);
    if (!had.wasSeen) this.oracle.unseen(had.ownership.owner.epoch, had.loan);
    (isDone ? proxy.acks : proxy.nacks).push(had);
  }

  #die(proxy: Proxy): void {
    this.rig.gone.add(proxy.session);
    proxy.session = this.#newSession();
    proxy.asks = new AsksOut(this.oracle);
    for (const list of [proxy.has, proxy.acks, proxy.nacks]) list.length = 0;
  }

  #newSession(): SessionId {
    return `proxy.${++this.#sessions}`;
  }

  #begin(): Ownership {
    const holder = { holds: true };
    const owner = this.rig.start({ holds: () => holder.holds });
    const ownership: Ownership = Object.assign(holder, { owner });
    this.#owners.push(ownership);
    return ownership;
  }

  async #replace(): Promise<void> {
    const old = this.#current;
    const luck = this.#random.next();
    if (this.#options.isWild && luck < 0.6) {
      // A process that slept: it does not know yet that it owns nothing any more.
      this.rig.clock.after(this.#random.below(3_000), () => {
        old.holds = false;
      });
    } else if (luck < 0.8) {
      old.holds = false;
      // As leases have it: time enough for what it sent to arrive.
      await this.#pass(2_000);
    } else {
      const drained = old.owner.drain(this.#random.below(1_000));
      await this.rig.until(drained);
    }
    this.#current = this.#begin();
  }

  #fault(): void {
    const kind = this.#random.pick(['refuse', 'lose', 'stall', 'delay'] as const);
    const operation = this.#random.chance(0.5) ? 'commit' : this.#random.pick(reads);
    const isLate = operation === 'commit' && (kind === 'stall' || kind === 'delay');
    if (isLate && !this.#options.isWild) return;
    const code = this.#random.chance(0.8) ? 'leader-moved' : 'refused';
    const mayBeLate = this.#options.isWild || operation !== 'commit';
    const delayMs = mayBeLate ? this.#random.below(3_000) : 0;
    this.rig.kafka.fail({ operation, kind, code, delayMs });
  }

  async #away(): Promise<void> {
    this.rig.kafka.isReachable = false;
    await this.#pass(this.#random.below(5_000));
    this.rig.kafka.isReachable = true;
  }

  #trim(): void {
    const partition = this.#random.below(this.#partitions);
    const log = this.rig.kafka.log({ topic: kafkaName, partition });
    const length = log.endOffset - log.startOffset;
    const offset = log.startOffset + this.#random.below(Math.ceil(length / 2) + 1);
    this.oracle.trimmed(partition, offset);
    log.trim(offset);
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await this.rig.clock.advance(Math.min(100, left));
      for (const { owner } of this.#owners) owner.tick();
    }
    await this.rig.clock.advance(0);
  }
}

function keepIf<T>(list: T[], keep: (one: T) => boolean): void {
  list.splice(0, list.length, ...list.filter(keep));
}
