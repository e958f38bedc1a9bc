/** An owner without Kafka: one partition in memory, whose committed place outlives its owners. */
import type { Answer, Ask, Loan, SessionId, Turn, UnitName } from '../positions/exchange.ts';
import type { Owner, OwnerHost, OwnerSample, OwnerStart, OwnerState } from '../positions/owner.ts';
import { Turns } from '../positions/turns.ts';
import type { TopicView } from '../state.ts';

const outOfTurn: Answer = { kind: 'failed', code: 'closed', message: 'it was given up' };

/** One topic and how far its consumer has come. */
export class FakeLog {
  readonly values: Buffer[] = [];
  committed = 0;
  window = 1_000;
  /** Owners that are not at their end, in the order they began. */
  readonly owners: FakeOwner[] = [];

  push(...values: readonly (string | Buffer)[]): void {
    this.values.push(...values.map((value) => Buffer.from(value)));
    for (const owner of this.owners) owner.arrived();
  }

  readonly createOwner = (start: OwnerStart, _topic: TopicView, host: OwnerHost): FakeOwner => {
    const owner = new FakeOwner(start, host, this);
    this.owners.push(owner);
    return owner;
  };
}

interface Out {
  readonly offset: number;
  readonly to: SessionId;
}

export class FakeOwner implements Owner {
  readonly unit: UnitName;
  readonly epoch: number;
  state: OwnerState = 'serving';
  readonly #host: OwnerHost;
  readonly #log: FakeLog;
  readonly #out = new Map<number, Out>();
  #ready: number[] = [];
  readonly #done = new Set<number>();
  readonly #deliveries = new Map<number, number>();
  readonly #waiting = new Set<SessionId>();
  readonly #turns = new Map<SessionId, Turns<never>>();
  #next: number;
  #loans = 0;
  #askedAtMs: number;
  /** What it was asked, in order. */
  readonly asks: Ask[] = [];
  topic: TopicView | null | undefined;

  constructor({ unit, epoch }: OwnerStart, host: OwnerHost, log: FakeLog) {
    this.unit = unit;
    this.epoch = epoch;
    this.#host = host;
    this.#log = log;
    this.#next = log.committed;
    this.#askedAtMs = host.clock.now();
  }

  get holds(): boolean {
    return this.state !== 'fenced' && this.#host.holds();
  }

  get unusedMs(): number {
    return this.#out.size > 0 ? 0 : this.#host.clock.now() - this.#askedAtMs;
  }

  get out(): number {
    return this.#out.size;
  }

  async exchange(ask: Ask): Promise<Answer> {
    if (!this.#host.holds() && this.state !== 'fenced') this.fence();
    if (this.state === 'fenced' || ask.epoch !== this.epoch) return { kind: 'fenced' };
    this.asks.push(ask);
    this.#askedAtMs = this.#host.clock.now();
    if (ask.turn !== null && !this.#hears(ask.from, ask.turn)) return outOfTurn;
    for (const id of ask.acks) this.#settle(id, true);
    for (const id of [...ask.nacks, ...ask.doubts]) this.#settle(id, false);
    for (const id of ask.returns) this.#unlend(id);
    const judged = ask.verdicts.map(({ offset, done }) => this.#judge(offset, done));
    const loans: Loan[] = [];
    let bytes = 0;
    while (this.state === 'serving' && loans.length < ask.take) {
      const loan = this.#lend(ask.from, ask.bytesMax - bytes, loans.length === 0);
      if (loan === null) break;
      bytes += (loan.value as Buffer).length;
      loans.push(loan);
    }
    const [first, last] = [loans[0], loans.at(-1)];
    if (ask.turn !== null && first !== undefined && last !== undefined) {
      this.#turns.get(ask.from)?.lent(ask.turn.number, first.id, last.id);
    }
    if (ask.waits) this.#waiting.add(ask.from);
    return { kind: 'loans', loans, rest: this.#rest(), judged };
  }

  arrived(): void {
    if (this.state !== 'serving' || this.#rest() !== 'ready') return;
    for (const session of this.#waiting) this.#host.hint(session, this.unit, this.epoch);
    this.#waiting.clear();
  }

  follow(topic: TopicView | null): void {
    this.topic = topic;
    if (topic === null) this.#end();
  }

  tick(): void {
    for (const [id, { to }] of this.#out) if (this.#host.isGone(to)) this.#settle(id, false);
    this.#commit();
  }

  async drain(ms: number): Promise<void> {
    this.state = 'draining';
    const endAtMs = this.#host.clock.now() + ms;
    while (this.#out.size > 0 && this.#host.clock.now() < endAtMs) {
      await new Promise<void>((resolve) => this.#host.clock.after(10, resolve));
    }
    this.#commit();
    this.#end();
  }

  fence(): void {
    this.#end();
  }

  sample(): OwnerSample {
    const counts = { redeliveries: 0, skipped: 0, deadLetters: 0, commits: 0, commitErrors: 0 };
    const { unit, epoch, state } = this;
    return { unit, epoch, state, out: this.#out.size, ...counts };
  }

  #end(): void {
    this.state = 'fenced';
    this.#out.clear();
    const at = this.#log.owners.indexOf(this);
    if (at >= 0) this.#log.owners.splice(at, 1);
  }

  #lend(to: SessionId, bytesMax: number, isFirst: boolean): Loan | null {
    const isReady = this.#ready.length > 0;
    const offset = isReady ? Math.min(...this.#ready) : this.#next;
    const value = this.#log.values[offset];
    if (value === undefined || (!isReady && this.#isFull())) return null;
    if (!isFirst && value.length > bytesMax) return null;
    if (isReady) this.#ready = this.#ready.filter((one) => one !== offset);
    else this.#next++;
    const id = ++this.#loans;
    const deliveries = (this.#deliveries.get(offset) ?? 0) + 1;
    this.#deliveries.set(offset, deliveries);
    this.#out.set(id, { offset, to });
    return { id, partition: 0, offset, deliveries, value };
  }

  #settle(id: number, done: boolean): void {
    const out = this.#out.get(id);
    if (out === undefined) return;
    this.#out.delete(id);
    if (done) this.#done.add(out.offset);
    else this.#ready.push(out.offset);
    this.#commit();
    this.arrived();
  }

  #hears(from: SessionId, turn: Turn): boolean {
    const turns = this.#turns.get(from) ?? new Turns<never>();
    this.#turns.set(from, turns);
    if (!turns.hears(turn)) return false;
    turns.settle(turn, ({ first, last }, isLost) => {
      for (let id = first; isLost && id <= last; id++) this.#unlend(id);
    });
    return true;
  }

  #unlend(id: number): void {
    const offset = this.#out.get(id)?.offset;
    if (offset === undefined) return;
    this.#deliveries.set(offset, (this.#deliveries.get(offset) ?? 0) - 1);
    this.#settle(id, false);
  }

  #judge(offset: number, done: boolean): boolean {
    const found = [...this.#out].find(([, out]) => out.offset === offset);
    if (found === undefined) return false;
    this.#settle(found[0], done);
    return true;
  }

  #isFull(): boolean {
    return this.#next - this.#log.committed >= this.#log.window;
  }

  #rest(): 'ready' | 'empty' | 'full' {
    if (this.#ready.length > 0) return 'ready';
    if (this.#next >= this.#log.values.length) return 'empty';
    return this.#isFull() ? 'full' : 'ready';
  }

  #commit(): void {
    if (!this.#host.holds()) return;
    let { committed } = this.#log;
    while (this.#done.has(committed)) committed++;
    this.#log.committed = committed;
  }
}
