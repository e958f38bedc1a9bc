/** One unit as this proxy's clients see it: their wishes gathered, asked of its owner, dealt out. */
import type { Caller, Era, Settler } from './caller.ts';
import { Callers } from './callers.ts';
import type { Answer, Outcome, SessionId, UnitName, Verdict } from './exchange.ts';
import { Backoff, type ForwarderHost } from './forwarder-host.ts';
import type { Place } from './place.ts';
import { type Popping, type PopWish, PositionError } from './positions.ts';
import { askOf, failureOf, inDoubt, SentAsk } from './sent-ask.ts';
import { dealOut, Judgements, Settlements } from './settlements.ts';
import type { Unanswered } from './transport.ts';
import { UnderWay } from './under-way.ts';
import { type Reply, takeMax, valueBytesMax } from './wire.ts';

const asksMax = 2;
const latesMax = 2;

/**
 *     callers ──┐ one question a turn, two under way                ┌─► the owner here
 *     acks ─────┼──────────────────────────────────────► ask ───────┤
 *     verdicts ─┘ ◄── loans, dealt out in the order they came ──────┴─► over NATS
 */
export class Forwarder implements Settler {
  readonly unit: UnitName;
  readonly #host: ForwarderHost;
  readonly #callers: Callers;
  readonly #settlements: Settlements;
  readonly #judgements = new Judgements();
  readonly #underWay: UnderWay;
  readonly #backoff: Backoff;
  #place: Place | null = null;
  /** Said that it is not the owner. */
  #stale: Place | null = null;
  /** Whose loans are out. */
  #era: Era | null = null;
  #isFinding = false;
  #isScheduled = false;
  #hints = 0;
  #lates = 0;
  #wasFull = false;
  #trouble = 'the owner of the position has not answered';
  #quiet: PromiseWithResolvers<void> | null = null;
  /** When it was needed last. */
  usedAtMs: number;

  constructor(unit: UnitName, host: ForwarderHost) {
    this.unit = unit;
    this.#host = host;
    this.usedAtMs = host.nowMs();
    const { clock, nowMs, popMsMax, waiting, budget, numbers } = host;
    this.#underWay = new UnderWay(budget, numbers);
    this.#settlements = new Settlements(clock, this.#schedule);
    this.#backoff = new Backoff(clock, this.#schedule);
    this.#callers = new Callers(this, {
      ...{ clock, nowMs, popMsMax, waiting, underWay: this.#underWay },
      trouble: () => this.#trouble,
      wanted: this.#schedule,
    });
  }

  pop(wish: PopWish): Popping {
    const caller = this.#callers.join(wish);
    this.#schedule();
    return caller;
  }

  judge(verdicts: readonly Verdict[]): Promise<readonly boolean[]> {
    const judged = this.#judgements.add(verdicts, this.#host.nowMs() + this.#host.popMsMax);
    this.#schedule();
    return judged;
  }

  settle(era: Era, id: number, outcome: Outcome): void {
    if (era === this.#era) this.#settlements.add(id, outcome);
  }

  cancel(caller: Caller): void {
    this.#callers.cancel(caller);
  }

  hinted(epoch: number): void {
    if (this.#era?.epoch !== epoch) return;
    this.#hints++;
    this.#callers.wake();
  }

  /** Called some ten times a second. */
  tick(): void {
    const nowMs = this.#host.nowMs();
    this.#judgements.expire(nowMs, () => new PositionError('no-owner', this.#trouble));
    const place = this.#place;
    if (place !== null && place.owner === null && this.#host.isGone(place.session)) {
      this.#trouble = 'the owner of the position is gone';
      this.#forget();
      this.#schedule();
    }
  }

  /** Commands that wait. */
  get waiting(): number {
    return this.#callers.count;
  }

  /** Nobody waits, and nothing is to be said. */
  get isIdle(): boolean {
    const waiting = this.#callers.count + this.#settlements.count + this.#judgements.count;
    return waiting === 0 && this.#underWay.size + this.#underWay.lost === 0;
  }

  /** Ends all callers; resolves once the owner has heard what became of its loans. */
  close(): Promise<void> {
    this.#callers.close();
    this.#quiet ??= Promise.withResolvers();
    this.#settlements.hurry();
    this.#rest();
    return this.#quiet.promise;
  }

  readonly #schedule = (): void => {
    if (this.#isScheduled || this.#backoff.isPausing) return;
    this.#isScheduled = true;
    this.#host.later(this.#pump);
  };

  readonly #pump = (): void => {
    this.#isScheduled = false;
    if (this.#callers.count > 0) this.usedAtMs = this.#host.nowMs();
    if (this.#callers.demand.records === 0 && !this.#hasWord) this.#rest();
    else if (this.#place === null) void this.#find();
    else while (this.#underWay.size < asksMax && this.#sendNext(this.#place)) {}
  };

  /** Something is to be said, whether or not records are wanted. */
  get #hasWord(): boolean {
    return this.#settlements.isDue || this.#judgements.count > 0 || this.#underWay.isDue;
  }

  /** False when there is nothing to be asked now. */
  #sendNext(place: Place): boolean {
    const unasked = this.#callers.demand.unasked(this.#underWay.records);
    let take = this.#underWay.mayLose ? Math.max(0, Math.min(takeMax, unasked)) : 0;
    if (take === 0 && !this.#hasWord) return false;
    const from = this.#host.session();
    if (from === null) {
      this.#place = null;
      void this.#find();
      return false;
    }
    let bytes = Math.min(this.#callers.demand.bytes, take * valueBytesMax);
    if (!this.#host.budget.reserve(bytes, this.#schedule)) {
      if (!this.#hasWord) return false;
      [take, bytes] = [0, 0];
    }
    this.#send(place, from, take, bytes);
    return true;
  }

  #send(place: Place, from: SessionId, take: number, bytes: number): void {
    const settled = this.#settlements.take();
    const judgements = this.#judgements.take();
    const waits = this.#callers.demand.isPatient || this.#wasFull;
    const wish = { take, bytes, waits, upTo: this.#callers.lastNumber, hints: this.#hints };
    const number = this.#underWay.nextNumber();
    const said = { ...settled, judgements, number, turn: this.#underWay.turn(number, place) };
    const content = { era: this.#era!, ...wish, ...said };
    const sent = new SentAsk(content, this.#answered, this.#unanswered);
    this.#underWay.add(sent);
    this.#host.ask(place, askOf(this.unit, place, from, content), sent);
  }

  readonly #answered = (sent: SentAsk, reply: Reply): void => {
    const wasOver = this.#underWay.end(sent);
    const isCurrent = sent.content.era === this.#era;
    switch (reply.kind) {
      case 'loans':
        if (!wasOver) dealOut(sent.content.judgements, reply.judged);
        if (!isCurrent) break;
        this.#underWay.heard(sent);
        if (!wasOver || this.#underWay.takesLate(sent)) this.#lent(sent, reply, wasOver);
        break;
      case 'fenced':
        if (!wasOver) this.#judgements.restore(sent.content.judgements);
        if (isCurrent) this.#fenced();
        break;
      default:
        this.#failed(sent, wasOver, failureOf(reply));
    }
    this.#callers.endPartial();
    this.#schedule();
  };

  #lent(sent: SentAsk, answer: Extract<Answer, { kind: 'loans' }>, wasOver: boolean): void {
    const { loans, rest } = answer;
    const { era, upTo, waits, take, hints, judgements } = sent.content;
    this.#backoff.failures = 0;
    this.#lates = 0;
    this.#stale = null;
    for (const id of this.#callers.give(loans, era)) this.settle(era, id, 'return');
    if (wasOver || take === 0) return;
    this.#wasFull = rest === 'full';
    if (rest === 'ready') {
      // It has more and gave none, nor had to judge: it is not to be asked in circles.
      if (loans.length === 0 && judgements.length === 0) this.#backoff.pause();
      return;
    }
    // Who would rest is to be hinted at, and a hint that came meanwhile counts.
    if (rest === 'full' && !waits) return;
    this.#callers.tell({ rest, upTo, mayRest: hints === this.#hints });
  }

  #fenced(): void {
    this.#stale = this.#place;
    this.#trouble = 'the position changes its owner';
    this.#forget();
    if (this.#backoff.failures++ > 0) this.#backoff.pause();
  }

  #failed(sent: SentAsk, wasOver: boolean, error: Error): void {
    if (wasOver) return;
    this.#sayAgain(sent);
    sent.refuse(error);
    if (sent.content.take > 0) this.#callers.fail(error, sent.content.upTo);
    this.#backoff.pause();
  }

  readonly #unanswered = (sent: SentAsk, why: Unanswered): void => {
    if (this.#underWay.end(sent)) return;
    this.#sayAgain(sent);
    if (why === 'away') {
      this.#judgements.restore(sent.content.judgements);
      this.#trouble = 'the owner of the position is not reached';
      this.#place = null;
      this.#backoff.pause();
    } else {
      this.#underWay.giveUp(sent);
      sent.refuse(inDoubt());
      this.#trouble = 'the owner of the position does not answer';
      if (++this.#lates >= latesMax) this.#place = null;
    }
    this.#callers.endPartial();
    this.#schedule();
  };

  /** What it carried may not have been heard. */
  #sayAgain(sent: SentAsk): void {
    this.#settlements.restore(sent.content);
    this.#underWay.unheard(sent);
  }

  /** The owner is none any more: its loans are not ours, and nothing needs to be said of them. */
  #forget(): void {
    this.#place = null;
    this.#era = null;
    this.#settlements.clear();
    this.#underWay.forget();
    for (const sent of this.#underWay.all) {
      this.#underWay.end(sent);
      sent.refuse(inDoubt());
    }
    this.#callers.endPartial();
  }

  async #find(): Promise<void> {
    if (this.#isFinding) return;
    this.#isFinding = true;
    try {
      const place = await this.#host.locate(this.unit, this.#stale);
      const { session, epoch } = place;
      if (this.#era?.session !== session || this.#era.epoch !== epoch) {
        this.#forget();
        this.#era = { session, epoch };
      }
      this.#place = place;
    } catch (error) {
      this.#notFound(error as Error);
    } finally {
      this.#isFinding = false;
    }
    this.#schedule();
  }

  #notFound(error: Error): void {
    this.#backoff.pause();
    if (error instanceof PositionError) {
      this.#trouble = error.message;
      // Loans of an owner nobody finds: it lends them anew in time.
      if (this.#backoff.failures > failuresMax && this.#callers.count === 0) this.#forget();
      return;
    }
    this.#forget();
    this.#callers.fail(error);
    this.#judgements.expire(Number.POSITIVE_INFINITY, () => error);
  }

  /** Whoever closed it is told when all is said. */
  #rest(): void {
    if (this.isIdle) this.#quiet?.resolve();
  }
}

const failuresMax = 20;
