/** A unit this proxy owns: gives out its records, takes what became of them, keeps its position. */
import { KafkaError } from '@respool/kafka/kafka-error';
import type { TopicView } from '../state.ts';
import { contentBytes } from './ahead.ts';
import { Committer } from './committer.ts';
import { Course } from './course.ts';
import { DeadLetters } from './dead-letters.ts';
import type { Answer, Ask, Loan, Rest, UnitName } from './exchange.ts';
import { Hearing } from './hearing.ts';
import { Holding } from './holding.ts';
import type { Borrower, Lent } from './loans.ts';
import type {
  Owner,
  OwnerHost,
  OwnerLimits,
  OwnerSample,
  OwnerStart,
  OwnerState,
} from './owner.ts';
import { Reader } from './reader.ts';

//   exchange ──► settle ──► give ──────────────► loans
//                  │          ▲ nothing there: read, look at the ends, wait for that
//                  ▼          │
//              Committer    Reader       Course: loads, seeks, follows the topic in Kafka

export const defaultOwnerLimits: OwnerLimits = {
  commitMsMax: 100,
  commitRecords: 500,
  aheadBytesMax: 2 ** 20,
  processAheadBytesMax: 64 * 2 ** 20,
  loanMsMax: 30_000,
  refreshMs: 86_400_000,
  askMsMax: 5_000,
};

/** One answer: contents, and a share for each loan. */
const answerBytesMax = 512 * 2 ** 10;
const loanShareBytes = 32;
/** Nobody asked for so long: what was read ahead is dropped, and Kafka is left alone. */
const idleMs = 30_000;
/** The same while all units together hold more than they may. */
const pressedIdleMs = 1_000;

const fenced: Answer = { kind: 'fenced' };
/** Nobody waits for it any more. */
const outOfTurn: Answer = { kind: 'failed', code: 'closed', message: 'the question was given up' };

export class UnitOwner implements Owner {
  readonly #holding: Holding;
  readonly #committer: Committer;
  readonly #reader: Reader;
  readonly #deadLetters: DeadLetters;
  readonly #course: Course;
  readonly #hearing: Hearing;

  /** Begins to load at once. */
  constructor(start: OwnerStart, topic: TopicView, host: OwnerHost) {
    this.#holding = new Holding(start, topic, host);
    this.#committer = new Committer(this.#holding);
    this.#course = new Course(this.#holding, this.#committer);
    this.#reader = new Reader(this.#holding, (isCutOff) => this.#course.doubt(isCutOff));
    this.#deadLetters = new DeadLetters(this.#holding, this.#reader);
    this.#hearing = new Hearing(this.#holding, this.#committer, this.#deadLetters);
    this.#course.run();
  }

  get unit(): UnitName {
    return this.#holding.unit;
  }

  get epoch(): number {
    return this.#holding.epoch;
  }

  get state(): OwnerState {
    const { isFenced, isDraining, isLoaded } = this.#holding;
    if (isFenced) return 'fenced';
    if (isDraining) return 'draining';
    return isLoaded ? 'serving' : 'loading';
  }

  get unusedMs(): number {
    return this.#holding.isUsed ? 0 : this.#holding.nowMs - this.#holding.askedAtMs;
  }

  /**
   * What the ask settles is settled at once, also when the answer then is `failed`. While it drains
   * nothing is given out and the answer is `full`: who waits asks again within a second, and finds
   * the next owner then; `fenced` would have it forget the loans whose end is waited for.
   */
  async exchange(ask: Ask): Promise<Answer> {
    const { loans, nowMs } = this.#holding;
    if (ask.epoch !== this.epoch || !this.#holds()) return fenced;
    const borrower = loans.borrower(ask.from, nowMs);
    const judged = this.#hearing.hear(ask, borrower);
    if (judged === null) return outOfTurn;
    if (ask.take === 0) {
      borrower.waits ||= ask.waits;
      return { kind: 'loans', loans: [], rest: 'ready', judged };
    }
    if (nowMs - this.#holding.askedAtMs >= idleMs) this.#course.lookFirst();
    this.#holding.askedAtMs = nowMs;
    return this.#answer(ask, borrower, judged) ?? (await this.#wait(ask, borrower, judged));
  }

  follow(topic: TopicView | null): void {
    const holding = this.#holding;
    if (holding.isFenced) return;
    holding.isGone = topic === null;
    if (topic !== null) {
      const before = holding.topic;
      holding.topic = topic;
      const isReplaced = before.backend !== topic.backend;
      if (isReplaced) this.#forgetFailures();
      if (before.kafkaName !== topic.kafkaName) this.#course.reload();
      else if (isReplaced) this.#course.rebind();
      if (holding.wantsSeek) this.#course.seek();
    }
    holding.changed();
  }

  tick(): void {
    const holding = this.#holding;
    if (!this.#holds()) return;
    const { loans, nowMs, host } = holding;
    const judge = (entry: Lent): void => this.#deadLetters.judge(entry);
    loans.expire(nowMs, holding.loanMsMax, judge);
    loans.reclaim((session) => host.isGone(session), judge);
    this.#deadLetters.run();
    this.#committer.run();
    const unaskedMs = nowMs - holding.askedAtMs;
    const isPressed = host.ahead.bytes > host.limits.processAheadBytesMax;
    if (unaskedMs >= idleMs || (isPressed && unaskedMs >= pressedIdleMs)) {
      for (const partition of holding.partitions) partition.dropAhead();
      this.#course.rest();
    } else {
      this.#course.tick();
      this.#reader.refill();
      this.#reader.poll();
    }
    if (holding.wantsSeek) this.#course.run();
    holding.changed();
  }

  async drain(ms: number): Promise<void> {
    const holding = this.#holding;
    if (holding.isFenced) return;
    const endMs = holding.nowMs + ms;
    holding.isDraining = true;
    holding.changed();
    for (const partition of holding.partitions) partition.dropAhead();
    while (!holding.isFenced && holding.loans.size > 0 && holding.nowMs < endMs) {
      await holding.change(endMs - holding.nowMs);
    }
    await this.#course.quiet();
    await this.#committer.flush();
    this.#deadLetters.end();
    this.fence();
  }

  fence(): void {
    const holding = this.#holding;
    if (holding.isFenced) return;
    holding.isFenced = true;
    holding.dropPartitions();
    holding.changed();
  }

  sample(): OwnerSample {
    const { loans, counts, unit, epoch } = this.#holding;
    const { size: out, redeliveries } = loans;
    return { unit, epoch, state: this.state, out, redeliveries, ...counts };
  }

  /** Whether it is ours; a lease that was lost does not come back. */
  #holds(): boolean {
    if (!this.#holding.isFenced && !this.#holding.host.holds()) this.fence();
    return !this.#holding.isFenced;
  }

  async #wait(ask: Ask, borrower: Borrower, judged: readonly boolean[]): Promise<Answer> {
    const { askMsMax } = this.#holding.host.limits;
    const endMs = this.#holding.nowMs + askMsMax;
    // Whoever pushed before it asks finds that: the ends are looked at after now.
    const look = this.#reader.nextLook;
    for (;;) {
      const answer = this.#answer(ask, borrower, judged) ?? this.#lack(ask, borrower, judged, look);
      if (answer !== null) return answer;
      const leftMs = endMs - this.#holding.nowMs;
      if (leftMs <= 0) return failed(new KafkaError('deadline', `no answer within ${askMsMax} ms`));
      await this.#holding.change(leftMs);
    }
  }

  /** The answer that needs no waiting: null when there is none. */
  #answer(ask: Ask, borrower: Borrower, judged: readonly boolean[]): Answer | null {
    if (!this.#holds()) return fenced;
    if (ask.turn !== null && borrower.turns.isOver(ask.turn)) return outOfTurn;
    const { isDraining, mayServe } = this.#holding;
    const loans = mayServe ? this.#give(ask, borrower) : [];
    if (loans.length > 0) this.#reader.refill();
    const rest: Rest = isDraining ? 'full' : 'ready';
    // Verdicts are not told twice, so nothing that may fail is waited for with them.
    if (loans.length === 0 && !isDraining && judged.length === 0) return null;
    borrower.waits = ask.waits && loans.length < ask.take;
    return { kind: 'loans', loans, rest, judged };
  }

  #give({ take, bytesMax, turn }: Ask, borrower: Borrower): Loan[] {
    const { loans, topic, nowMs } = this.#holding;
    const given: Loan[] = [];
    let bytes = 0;
    while (given.length < take) {
      const partition = this.#holding.next();
      const content = partition?.offer(topic.window);
      if (partition === null || content === undefined) break;
      bytes += contentBytes(content);
      const isTooMuch = bytes > bytesMax || bytes + given.length * loanShareBytes > answerBytesMax;
      if (given.length > 0 && isTooMuch) break;
      given.push(partition.lend(content, loans, borrower, nowMs));
    }
    const [first, last] = [given[0], given.at(-1)];
    if (turn !== null && first !== undefined && last !== undefined) {
      borrower.turns.lent(turn.number, first.id, last.id);
    }
    return given;
  }

  /** Why there is nothing to give out; null when that is not known yet, and is being found out. */
  #lack(ask: Ask, borrower: Borrower, judged: readonly boolean[], look: number): Answer | null {
    const { topic, isGone, mayServe, nowMs, partitions } = this.#holding;
    if (isGone) return failed(new KafkaError('topic-unknown', 'the topic was removed'));
    if (!topic.enabled) return failed(new KafkaError('refused', 'the topic is disabled'));
    if (!mayServe) return this.#notYet();
    let isReading = false;
    let isFull = false;
    for (const partition of partitions) {
      const lack = partition.lack(topic.window);
      if (lack === 'full') isFull = true;
      if (lack !== 'back' && lack !== 'behind') continue;
      const { gate } = partition;
      if (gate.isShut(nowMs) && isFailure(gate.error)) return failed(gate.error);
      this.#reader.bring(partition, lack);
      isReading = true;
    }
    if (isReading) return null;
    const { lookGate } = this.#reader;
    if (!this.#reader.hasLooked(look)) {
      if (lookGate.isShut(nowMs) && isFailure(lookGate.error)) return failed(lookGate.error);
      this.#reader.look(look);
      return null;
    }
    borrower.waits = ask.waits;
    this.#reader.poll();
    return { kind: 'loans', loans: [], rest: isFull ? 'full' : 'empty', judged };
  }

  #notYet(): Answer | null {
    const { gate } = this.#course;
    this.#course.run();
    const isShut = gate.isShut(this.#holding.nowMs);
    // One that was closed is being replaced: the next one comes in a moment.
    return isShut && gate.error !== null && gate.error.code !== 'closed'
      ? failed(gate.error)
      : null;
  }

  #forgetFailures(): void {
    this.#committer.forgetFailures();
    this.#reader.lookGate.open();
    for (const { gate } of this.#holding.partitions) gate.open();
  }
}

/** A backend that was closed is being replaced: the next one comes in a moment. */
function isFailure(error: KafkaError | null): error is KafkaError {
  return error !== null && error.code !== 'closed';
}

function failed({ code, message }: KafkaError): Answer {
  return { kind: 'failed', code, message };
}
