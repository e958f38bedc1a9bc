/** Who consumes a topic, as far as the configuration tells: users that may, and those sent somewhere. */
import { type ConsumerName, consumerName } from '@respool/contracts/ids';
import type { Position, Topic } from '@respool/contracts/queues';
import type { TenantState, Versioned } from '@respool/contracts/snapshot';

export interface Consumer {
  readonly consumer: ConsumerName;
  readonly wish: Versioned<Position> | null;
}

/** By name, sorted. A user is the consumer of its own name. */
export function consumersOf({ positions }: TenantState, topic: Topic): Consumer[] {
  const found = new Map<string, Consumer>();
  for (const { user, consume } of topic.grants) {
    const consumer = consumerName.parse(user);
    if (consume) found.set(consumer, { consumer, wish: null });
  }
  for (const wish of Object.values(positions)) {
    const { topic: name, consumer } = wish.value;
    if (name === topic.name) found.set(consumer, { consumer, wish });
  }
  return [...found.values()].sort((one, other) => (one.consumer < other.consumer ? -1 : 1));
}
