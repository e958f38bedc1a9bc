/** A forwarder with a clock the test owns, and an owner behind a way that loses what it is told to. */
import { setImmediate as turn } from 'node:timers/promises';
import { AnswerBudget } from '../positions/answer-budget.ts';
import type { Ask } from '../positions/exchange.ts';
import { Forwarder } from '../positions/forwarder.ts';
import type { Place } from '../positions/place.ts';
import type { Delivery, PopWish } from '../positions/positions.ts';
import type { Asker } from '../positions/transport.ts';
import { type Reply, readReply, writeReply } from '../positions/wire.ts';
import type { TopicView } from '../state.ts';
import { FakeLog, type FakeOwner } from './fake-owner.ts';
import { VirtualClock } from './virtual-clock.ts';

export const unit = { tenant: 'acme', topic: 'orders', consumer: 'worker' };
const own = 'p1.aaaaaaaaaaaaaaaa';
export const far = 'p2.bbbbbbbbbbbbbbbbt';

/** What becomes of a question: `lose` loses the answer, `late` keeps it until then, `hold` keeps it. */
export type Way = 'pass' | 'lose' | 'late' | 'away' | 'hold';

const lateMs = 3_000;

export class World {
  readonly clock = new VirtualClock();
  readonly log = new FakeLog();
  readonly asks: Ask[] = [];
  readonly held: (() => void)[] = [];
  ways: Way[] = [];
  owner: FakeOwner;
  trouble: Error | null = null;
  gone: string[] = [];
  located = 0;
  /** Stored at their offsets, for what is not sent along. */
  readonly topic: TopicView;
  readonly forwarder: Forwarder;
  readonly waiting = { count: 0 };

  constructor(budget = 2 ** 26) {
    this.owner = this.newOwner(1);
    const read = async ({ offset }: { offset: number }) => [
      { offset, value: this.log.values[offset] },
    ];
    this.topic = { kafkaName: 'acme.orders', backend: { read } } as unknown as TopicView;
    this.forwarder = new Forwarder(unit, {
      clock: this.clock,
      nowMs: () => this.clock.now(),
      later: setImmediate,
      popMsMax: 2_000,
      budget: new AnswerBudget(budget).of(unit.tenant),
      waiting: this.waiting,
      numbers: { last: 0 },
      session: () => own,
      isGone: (session) => this.gone.includes(session),
      locate: async () => {
        this.located++;
        if (this.trouble !== null) throw this.trouble;
        return { session: far, epoch: this.owner.epoch, owner: null };
      },
      ask: (_place: Place, ask, asker) => void this.#carry(ask, asker),
    });
  }

  newOwner(epoch: number): FakeOwner {
    this.owner = this.log.createOwner({ unit, epoch, seek: 0 }, this.topic, {
      clock: this.clock,
      holds: () => true,
      isGone: () => false,
      hint: () => queueMicrotask(() => this.forwarder.hinted(epoch)),
    } as never);
    return this.owner;
  }

  pop(given: Partial<PopWish> = {}) {
    const wish = { unit, topic: this.topic, count: 1, bytesMax: 2 ** 20, waitMs: 0 };
    return this.forwarder.pop({ ...wish, ...given });
  }

  async #carry(ask: Ask, asker: Asker): Promise<void> {
    this.asks.push(ask);
    const way = this.ways.shift() ?? 'pass';
    if (way === 'away') return queueMicrotask(() => asker.unanswered('away'));
    const answer = await this.owner.exchange(ask);
    // As it would arrive over NATS.
    const tell = () => asker.answered(readReply(writeReply(answer as Reply)));
    if (way === 'hold') this.held.push(tell);
    else if (way === 'pass') setImmediate(tell);
    else {
      this.clock.after(lateMs, () => asker.unanswered('late'));
      if (way === 'late') this.clock.after(lateMs + 500, tell);
    }
  }
}

/** Enough for a question to be asked and answered, if nothing holds it up. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 10; n++) await turn();
}

export const contents = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ value }) => `${value}`);
