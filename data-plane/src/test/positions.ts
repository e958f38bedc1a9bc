/** Managed positions in memory, one partition after the other: who pops what, and what became of it. */
import assert from 'node:assert/strict';
import { type UnitName, unitKey, type Verdict } from '../positions/exchange.ts';
import type { Delivery, Popping, PopWish, Positions } from '../positions/positions.ts';
import type { TopicView } from '../state.ts';

interface FakeRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: Buffer | null;
}

interface Lent {
  readonly record: FakeRecord;
  deliveries: number;
}

interface Caller {
  readonly wish: PopWish;
  readonly end: (given: readonly Delivery[]) => void;
  readonly fail: (error: Error) => void;
  timer: NodeJS.Timeout | null;
}

const untilMsMax = 60_000;

class FakeUnit {
  next = 0;
  readonly ready: Lent[] = [];
  readonly out = new Map<string, Lent>();
  callers: Caller[] = [];
}

export class FakePositions implements Positions {
  /** What became of records, in order: `lent 0:7`, `ack 0:7`, `nack 0:7`, `back 0:7`, `kack 0:7`, `knack 0:7`. */
  readonly log: string[] = [];
  /** Views of the topic with which pops came. */
  readonly views: TopicView[] = [];
  /** While true nobody is answered. */
  holds = false;
  /** The same for pops of this topic alone. */
  heldTopic: string | null = null;
  /** What every pop and verdict is answered with. */
  fails: Error | null = null;
  readonly #records = new Map<string, FakeRecord[]>();
  readonly #units = new Map<string, FakeUnit>();
  #watchers: { readonly met: () => boolean; readonly resolve: () => void }[] = [];

  /** `topic` is `tenant/topic`. */
  push(topic: string, value: string | null, partition = 0): void {
    const records = this.#recordsOf(topic);
    const offset = records.filter((one) => one.partition === partition).length;
    records.push({ partition, offset, value: value === null ? null : Buffer.from(value) });
    this.serve();
  }

  /** Pops that wait for an answer. */
  get callers(): number {
    return [...this.#units.values()].reduce((sum, { callers }) => sum + callers.length, 0);
  }

  serve(): void {
    for (const [key, unit] of this.#units) this.#serve(key, unit);
    this.#changed();
  }

  /** Resolves once `met` is true; it is looked at after everything that happens here. */
  until(met: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = () => reject(new Error(`waited for in vain, after: ${this.log.join(', ')}`));
    const timer = setTimeout(late, untilMsMax);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    this.#watchers.push({ met, resolve: done });
    this.#changed();
    return promise;
  }

  /** Resolves once `line` is in the log. */
  logged(line: string): Promise<void> {
    return this.until(() => this.log.includes(line));
  }

  pop(wish: PopWish): Popping {
    const key = unitKey(wish.unit);
    const unit = this.#unitOf(key);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>();
    const caller: Caller = { wish, end: resolve, fail: reject, timer: null };
    unit.callers.push(caller);
    this.views.push(wish.topic);
    if (wish.waitMs > 0 && wish.waitMs !== Infinity) {
      caller.timer = setTimeout(() => this.#end(unit, caller, []), wish.waitMs);
    }
    this.#serve(key, unit);
    this.#changed();
    return { deliveries: promise, cancel: () => this.#end(unit, caller, []) };
  }

  judge(unit: UnitName, _topic: TopicView, verdicts: readonly Verdict[]): Promise<boolean[]> {
    if (this.fails !== null) return Promise.reject(this.fails);
    const held = this.#unitOf(unitKey(unit));
    const judged = verdicts.map(({ partition, offset, done }) => {
      const place = `${partition}:${offset}`;
      const lent = held.out.get(place);
      if (lent === undefined) return false;
      held.out.delete(place);
      if (!done) this.#giveBack(held, lent);
      this.log.push(`${done ? 'kack' : 'knack'} ${place}`);
      return true;
    });
    this.serve();
    return Promise.resolve(judged);
  }

  #serve(key: string, unit: FakeUnit): void {
    if (this.holds) return;
    for (const caller of [...unit.callers]) {
      if (caller.wish.topic.name === this.heldTopic) continue;
      if (this.fails !== null) {
        this.#leave(unit, caller);
        caller.fail(this.fails);
        continue;
      }
      const given = this.#take(key, unit, caller.wish.count);
      if (given.length > 0 || caller.wish.waitMs === 0) this.#end(unit, caller, given);
    }
  }

  #take(key: string, unit: FakeUnit, count: number): Delivery[] {
    const records = this.#recordsOf(key.slice(0, key.lastIndexOf('/')));
    const given: Delivery[] = [];
    while (given.length < count) {
      const record = records[unit.next];
      const lent = unit.ready.shift() ?? (record === undefined ? null : { record, deliveries: 0 });
      if (lent === null) break;
      if (lent.record === record) unit.next++;
      given.push(this.#lend(unit, lent));
    }
    return given;
  }

  #lend(unit: FakeUnit, lent: Lent): Delivery {
    const { partition, offset, value } = lent.record;
    const place = `${partition}:${offset}`;
    lent.deliveries++;
    unit.out.set(place, lent);
    this.log.push(`lent ${place}`);
    let said = false;
    const say = (word: 'ack' | 'nack' | 'back'): void => {
      assert(!said, `what became of ${place} is said once`);
      said = true;
      this.log.push(`${word} ${place}`);
      if (word === 'back') lent.deliveries--;
      if (unit.out.delete(place) && word !== 'ack') this.#giveBack(unit, lent);
      this.serve();
    };
    const { deliveries } = lent;
    const become = {
      ack: () => say('ack'),
      nack: () => say('nack'),
      doubt: () => say('nack'),
      giveBack: () => say('back'),
    };
    return { partition, offset, value, deliveries, ...become };
  }

  #giveBack(unit: FakeUnit, lent: Lent): void {
    unit.ready.push(lent);
    unit.ready.sort((a, b) => a.record.offset - b.record.offset);
  }

  #end(unit: FakeUnit, caller: Caller, given: readonly Delivery[]): void {
    this.#leave(unit, caller);
    caller.end(given);
    this.#changed();
  }

  #leave(unit: FakeUnit, caller: Caller): void {
    if (caller.timer !== null) clearTimeout(caller.timer);
    unit.callers = unit.callers.filter((one) => one !== caller);
  }

  #changed(): void {
    const met = this.#watchers.filter((one) => one.met());
    this.#watchers = this.#watchers.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }

  #recordsOf(topic: string): FakeRecord[] {
    const held = this.#records.get(topic) ?? [];
    this.#records.set(topic, held);
    return held;
  }

  #unitOf(key: string): FakeUnit {
    const held = this.#units.get(key) ?? new FakeUnit();
    this.#units.set(key, held);
    return held;
  }
}
