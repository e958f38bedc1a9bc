/** A real owner, a proxy's forwarder, and a way between them that loses what it is told to. */
import { setImmediate as turn } from 'node:timers/promises';
import { AnswerBudget } from '../positions/answer-budget.ts';
import type { Ask } from '../positions/exchange.ts';
import { Forwarder } from '../positions/forwarder.ts';
import type { Delivery, PopWish } from '../positions/positions.ts';
import { readHeard, readReply, writeAsk, writeReply } from '../positions/wire.ts';
import type { TopicView } from '../state.ts';
import { UnitRig } from './unit-rig.ts';

/** As ManagedPositions has it: what the owner may take, and the way. */
export const askMsMax = 6_000;

/** `lose` loses the answer, `late` brings it once it was given up. */
export type Way = 'pass' | 'lose' | 'late';

export class LendingWorld {
  readonly rig: UnitRig;
  readonly owner: ReturnType<UnitRig['start']>;
  readonly forwarder: Forwarder;
  readonly asks: Ask[] = [];
  /** Of the next questions, in order. */
  ways: Way[] = [];
  session = 'p1.aaaaaaaaaaaaaaaa';
  /** As the proxy of the clients sees it. */
  topic: TopicView;

  constructor(topic: Partial<TopicView> = {}, far = 'p2.bbbbbbbbbbbbbbbbt') {
    this.rig = new UnitRig({ topic });
    this.topic = this.rig.topic;
    this.owner = this.rig.start();
    const { clock } = this.rig;
    this.forwarder = new Forwarder(this.owner.unit, {
      clock,
      nowMs: () => clock.now(),
      later: setImmediate,
      popMsMax: 2_000,
      budget: new AnswerBudget(2 ** 26).of('shop'),
      waiting: { count: 0 },
      numbers: { last: 0 },
      session: () => this.session,
      isGone: () => false,
      locate: async () => ({ session: far, epoch: this.owner.epoch, owner: null }),
      ask: (_place, ask, asker) => {
        const heard = readHeard(writeAsk(ask));
        if (heard.kind !== 'ask') throw new Error('an ask was written');
        this.asks.push(heard.ask);
        const way = this.ways.shift() ?? 'pass';
        if (way !== 'pass') clock.after(askMsMax, () => asker.unanswered('late'));
        void this.owner.exchange(heard.ask).then((answer) => {
          const tell = () => asker.answered(readReply(writeReply(answer)));
          if (way === 'pass') tell();
          else if (way === 'late') clock.after(askMsMax + 1_000, tell);
        });
      },
    });
  }

  async pop(given: Partial<PopWish> = {}): Promise<readonly Delivery[]> {
    const wish = { unit: this.owner.unit, count: 1, bytesMax: 2 ** 20, waitMs: 0, ...given };
    const popped = this.forwarder.pop({ ...wish, topic: this.topic }).deliveries;
    popped.catch(() => {});
    await this.pass(50);
    return await this.rig.until(popped);
  }

  /** Time passes, and both sides are looked after. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      for (let n = 0; n < 3; n++) await turn();
      await this.rig.clock.advance(10);
      if (passed % 100 > 0) continue;
      this.owner.tick();
      this.forwarder.tick();
    }
  }
}
