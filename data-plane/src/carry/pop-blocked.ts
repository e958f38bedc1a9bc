/** KPOP … BLOCK: one client that waits for a record, until somebody pushes or ends the wait. */
import type { Command } from '../command/request.ts';
import type { Delivery, Popping } from '../positions/positions.ts';
import type { Session } from '../session/session.ts';
import type { TopicView, UserView } from '../state.ts';
import { wishOf } from './lending.ts';
import type { PopParts } from './pop.ts';
import { positionFailure } from './queue-error.ts';
import { nothingReply } from './queue-reply.ts';
import { noTopic, refusalOf } from './queue-topic.ts';
import type { Scene } from './scene.ts';
import { Waiting } from './waiting.ts';

const none: readonly Delivery[] = [];

/**
 *     pop ──► records ──┬── client there: lent to it
 *      ▲  └─► none ──┐  └── client gone: given back
 *      └─ topic changed, still allowed ─┘
 */
export class BlockedPop {
  readonly #scene: Scene;
  readonly #parts: PopParts;
  readonly #waiting: Waiting;
  readonly #user: UserView;
  readonly #endMs: number;
  #topic: TopicView;
  /** The configuration changed: what was asked is cancelled, and asked again as it is now. */
  #again = false;
  #popping: Popping | null = null;

  constructor(scene: Scene, command: Command, parts: PopParts) {
    this.#scene = scene;
    this.#parts = parts;
    this.#topic = parts.topic;
    this.#user = scene.session.user as UserView;
    this.#endMs = performance.now() + (parts.words.blockMs as number);
    const nothing = nothingReply(scene.session.protocol);
    const terms = { nothing, stays: (session: Session) => this.#stays(session) };
    this.#waiting = new Waiting(scene, command, terms, () => this.#popping?.cancel());
    parts.borrower.counts.blocked++;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { borrower } = this.#parts;
    try {
      const deliveries = await this.#pop();
      const verdict = this.#waiting.verdict();
      // What had come before somebody ended the wait is the client's all the same, if it is there.
      if (deliveries.length === 0 && verdict !== null) this.#waiting.end(verdict);
      else if (this.#waiting.isGone) this.#giveBack(deliveries);
      else {
        const { reply, sent } = borrower.say(deliveries, this.#topic.ack);
        this.#waiting.end(reply, sent);
      }
    } catch (thrown) {
      this.#waiting.end(this.#waiting.verdict() ?? positionFailure(this.#topic, thrown));
    } finally {
      borrower.counts.blocked--;
    }
  }

  async #pop(): Promise<readonly Delivery[]> {
    const { positions, words } = this.#parts;
    for (;;) {
      if (this.#waiting.verdict() !== null) return none;
      this.#again = false;
      const blockMs = Math.max(0, this.#endMs - performance.now());
      this.#popping = positions.pop(wishOf(this.#user, this.#topic, { ...words, blockMs }));
      const deliveries = await this.#popping.deliveries;
      if (deliveries.length > 0 || !this.#again) return deliveries;
    }
  }

  #giveBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) delivery.giveBack();
    this.#parts.borrower.counts.nacks += deliveries.length;
    this.#waiting.end(nothingReply(this.#scene.session.protocol));
  }

  /** Why the user, as the new configuration has it, may wait no longer; null while it may. */
  #stays({ user }: Session): Buffer | null {
    const { name } = this.#topic;
    const topic = user?.tenant.topics.get(name);
    if (user === null || topic === undefined) return noTopic(name);
    const refusal = refusalOf(user, 'kpop', topic);
    if (refusal !== null || topic === this.#topic) return refusal;
    this.#topic = topic;
    this.#again = true;
    this.#popping?.cancel();
    return null;
  }
}
