/** Positions: each seek is a new one, of a topic that exists; they go when their topic goes. */
import { type Position, positionKey } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { Issue, PositionChange } from '../draft.ts';
import type { World } from './world.ts';

export function writePosition(world: World, change: PositionChange): Issue | null {
  const { tenant, topic, id: consumer } = change;
  if (change.op === 'put') {
    const generation = world.sequence;
    world.putPosition({ tenant, topic, consumer, generation, to: change.value.to });
    return null;
  }
  if (!world.positions(tenant).some((one) => one.topic === topic && one.consumer === consumer)) {
    const message = `position ${tenant}/${topic}/${consumer} does not exist`;
    return { code: 'not-found', field: '', message };
  }
  world.deletePosition(tenant, { topic, consumer });
  return null;
}

/** Takes positions along with their topic, and checks those that stay. */
export function settlePositions(before: Snapshot, world: World): Issue[] {
  const issues: Issue[] = [];
  for (const tenant of world.touchedTenants()) {
    const former = own(before.tenants, tenant)?.positions ?? {};
    const topics = new Map<string, number | null>(
      world.topics(tenant).map(({ name, partitions }) => [name, partitions]),
    );
    for (const position of world.positions(tenant)) {
      const partitions = topics.get(position.topic);
      if (partitions !== undefined) issues.push(...outside(position, partitions));
      else if (own(former, positionKey(position))?.value === position) {
        world.deletePosition(tenant, position);
      } else {
        const { topic, consumer } = position;
        const message = `position ${tenant}/${topic}/${consumer}: topic ${topic} does not exist`;
        issues.push({ code: 'not-found', field: 'topic', message });
      }
    }
  }
  return issues;
}

/** `partitions` is null where only Kafka knows how many there are. */
function outside({ tenant, topic, to }: Position, partitions: number | null): Issue[] {
  if (typeof to === 'string' || !('offsets' in to) || partitions === null) return [];
  const wrong = to.offsets.find(({ partition }) => partition >= partitions);
  if (wrong === undefined) return [];
  const message = `topic ${tenant}/${topic} has ${partitions} partitions, and no ${wrong.partition}`;
  return [{ code: 'conflict-reference', field: 'to.offsets', message }];
}
