/** A subscriber that waits until the server confirmed all it wants to hear. */
import type { Joining, Subscriber, Topic } from '../../command/subscription.ts';
import type { LiveTopic } from './topic.ts';

export class Waiting implements Joining {
  readonly topics: readonly LiveTopic[];
  readonly subscriber: Subscriber;
  readonly dueUs: number;
  readonly missing: Set<LiveTopic>;
  readonly #done: (failure: string | null, topics: readonly Topic[]) => void;
  readonly #released: (waiting: Waiting) => void;
  #over = false;

  constructor(
    topics: readonly LiveTopic[],
    subscriber: Subscriber,
    dueUs: number,
    done: (failure: string | null, topics: readonly Topic[]) => void,
    released: (waiting: Waiting) => void,
  ) {
    this.#released = released;
    this.topics = topics;
    this.subscriber = subscriber;
    this.dueUs = dueUs;
    this.#done = done;
    this.missing = new Set(topics.filter((topic) => !topic.live));
    for (const topic of topics) topic.waiting.add(this);
  }

  arrived(topic: LiveTopic): void {
    this.missing.delete(topic);
    if (this.missing.size === 0) this.finish(null);
  }

  finish(failure: string | null): void {
    if (this.#over) return;
    if (failure === null) {
      for (const topic of this.topics) topic.subscribers.add(this.subscriber);
    }
    this.cancel();
    this.#done(failure, this.topics);
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#released(this);
  }
}
