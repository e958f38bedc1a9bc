/** Topics: what is fixed once they are made, whom they grant what, and where dead letters go. */
import type { TopicBody } from '@respool/contracts/api-topics';
import type { Topic } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import { type Issue, merge, type TopicChange } from '../draft.ts';
import type { World } from './world.ts';

export function writeTopic(world: World, change: TopicChange): Issue | null {
  const { tenant, id } = change;
  const current = world.topics(tenant).find((topic) => topic.name === id);
  if (change.op === 'put') {
    world.putTopic({ tenant, name: id, ...change.value, ...asInKafka(change, current) });
    return null;
  }
  if (current === undefined) {
    return { code: 'not-found', field: '', message: `topic ${tenant}/${id} does not exist` };
  }
  if (change.op === 'delete') world.deleteTopic(tenant, id);
  else world.putTopic(merge(current, change.value));
  return null;
}

type AsInKafka = Pick<Topic, 'kafkaName' | 'origin' | 'partitions' | 'replication'>;

/** What a body may leave out: a known topic keeps it, a new one gets the defaults. */
function asInKafka(
  { tenant, id, value }: { tenant: string; id: string; value: TopicBody },
  current: Topic | undefined,
): AsInKafka {
  const origin = value.origin ?? current?.origin ?? 'created';
  const fresh: AsInKafka = {
    kafkaName: `${tenant}.${id}`,
    origin,
    partitions: origin === 'created' ? 1 : null,
    replication: null,
  };
  const { kafkaName, partitions, replication } = value;
  return merge(merge(fresh, current === undefined ? {} : standing(current)), {
    origin,
    kafkaName,
    partitions,
    replication,
  });
}

function standing({ kafkaName, partitions, replication }: Topic): Partial<AsInKafka> {
  return { kafkaName, partitions, replication };
}

/** What is wrong with the topics of the final state. */
export function topicIssues(before: Snapshot, world: World): Issue[] {
  const issues: Issue[] = [];
  for (const tenant of tenantsToCheck(before, world)) {
    const topics = world.topics(tenant);
    for (const topic of topics) {
      issues.push(
        ...backendIssues(before, world, topic),
        ...shapeIssues(topic),
        ...changeIssues(own(before.tenants, tenant)?.topics[topic.name]?.value, topic),
        ...grantIssues(before, world, topic),
      );
    }
    issues.push(...deadLetterIssues(before, topics));
  }
  return [...issues, ...sharedLogIssues(world)];
}

/** A lost Kafka backend concerns tenants that the change does not name. */
function tenantsToCheck(before: Snapshot, world: World): Iterable<string> {
  const lost = Object.values(before.backends).some(
    ({ value }) => value.kind === 'kafka' && world.backend(value.id)?.kind !== 'kafka',
  );
  return lost ? world.tenants().map(([id]) => id) : world.touchedTenants();
}

function backendIssues(before: Snapshot, world: World, topic: Topic): Issue[] {
  const { backend: id } = topic;
  const backend = world.backend(id);
  if (backend?.kind === 'kafka') return [];
  const label = labelOf(topic);
  if (backend !== undefined) {
    const message = `${label} needs a Kafka backend, and ${id} is of kind ${backend.kind}`;
    return [{ code: 'conflict-reference', field: 'backend', message }];
  }
  const message =
    own(before.backends, id) === undefined
      ? `${label} names backend ${id}, which does not exist`
      : `backend ${id} cannot be deleted: ${label} uses it`;
  return [{ code: 'conflict-reference', field: 'backend', message }];
}

/** An adopted topic is somebody else's to shape; one we create needs a number of partitions. */
function shapeIssues(topic: Topic): Issue[] {
  const label = labelOf(topic);
  if (topic.origin === 'created') {
    if (topic.partitions !== null) return [];
    const message = `${label} is to be created, so it needs a number of partitions`;
    return [{ code: 'conflict-topic', field: 'partitions', message }];
  }
  const shaped = (['partitions', 'replication', 'retentionMs'] as const).filter(
    (field) => topic[field] !== null,
  );
  return shaped.map((field) => {
    const message = `${label} is adopted and stays as it is in Kafka, so ${field} must be null`;
    return { code: 'conflict-topic', field, message };
  });
}

/**
 * Under another log the offsets of all consumers would mean other records, and Kafka neither takes
 * partitions away nor moves replicas by itself.
 */
function changeIssues(before: Topic | undefined, after: Topic): Issue[] {
  if (before === undefined || before === after) return [];
  const label = labelOf(after);
  const issues: Issue[] = [];
  for (const field of ['backend', 'kafkaName', 'origin', 'replication'] as const) {
    if (before[field] === after[field]) continue;
    const message = `${label}: ${field} stays ${before[field]}; delete the topic to begin anew`;
    issues.push({ code: 'conflict-topic', field, message });
  }
  if ((after.partitions ?? Infinity) < (before.partitions ?? 0)) {
    const wish = `not become ${after.partitions}`;
    const message = `${label} has ${before.partitions} partitions, which can grow and ${wish}`;
    issues.push({ code: 'conflict-topic', field: 'partitions', message });
  }
  return issues;
}

function grantIssues(before: Snapshot, world: World, topic: Topic): Issue[] {
  if (topic.grants.length === 0) return [];
  const users = new Set<string>(world.users(topic.tenant).map((user) => user.name));
  const former = own(before.tenants, topic.tenant)?.users ?? {};
  const lost = topic.grants.filter(({ user }) => !users.has(user));
  return lost.map(({ user }) => {
    const message =
      own(former, user) === undefined
        ? `${labelOf(topic)} grants user ${user}, who does not exist`
        : `user ${topic.tenant}/${user} cannot be deleted: ${labelOf(topic)} has a grant for it`;
    return { code: 'conflict-reference', field: 'grants', message };
  });
}

function deadLetterIssues(before: Snapshot, topics: readonly Topic[]): Issue[] {
  const byName = new Map<string, Topic>(topics.map((topic) => [topic.name, topic]));
  const issues: Issue[] = [];
  for (const topic of topics) {
    const { deadLetter, tenant } = topic;
    if (deadLetter === null) continue;
    const label = labelOf(topic);
    if (!byName.has(deadLetter)) {
      const was = own(own(before.tenants, tenant)?.topics ?? {}, deadLetter) !== undefined;
      const message = was
        ? `topic ${tenant}/${deadLetter} cannot be deleted: it is the dead letter of ${label}`
        : `${label} names the dead letter ${deadLetter}, which does not exist`;
      issues.push({ code: 'conflict-reference', field: 'deadLetter', message });
    } else if (returns(topic, byName)) {
      const message = `dead letters of ${label} would come back to it`;
      issues.push({ code: 'conflict-reference', field: 'deadLetter', message });
    }
  }
  return issues;
}

/** Whether the way of dead letters that begins here leads here again. */
function returns(start: Topic, byName: ReadonlyMap<string, Topic>): boolean {
  let topic: Topic | undefined = start;
  for (let steps = 0; steps < byName.size; steps++) {
    topic = byName.get(topic?.deadLetter ?? '');
    if (topic === undefined) return false;
    if (topic === start) return true;
  }
  return false;
}

/**
 * Two topics on one log would see each other's records. Kafka itself takes a dot and an underscore
 * for the same in a new topic's name (`Topic.unifyCollisionChars`).
 */
function sharedLogIssues(world: World): Issue[] {
  const touched = world.touchedTenants();
  if (![...touched].some((tenant) => world.topics(tenant).length > 0)) return [];
  const holders = new Map<string, Topic>();
  const issues: Issue[] = [];
  for (const topic of world.tenants().flatMap(([tenant]) => world.topics(tenant))) {
    const log = `${topic.backend}/${topic.kafkaName.replaceAll('.', '_')}`;
    const holder = holders.get(log);
    holders.set(log, topic);
    if (holder === undefined) continue;
    const taken = `${holder.kafkaName} of ${labelOf(holder)}`;
    const message = `${labelOf(topic)}: ${topic.kafkaName} on backend ${topic.backend} is ${taken}`;
    issues.push({ code: 'conflict-topic', field: 'kafkaName', message });
  }
  return issues;
}

function labelOf({ tenant, name }: Topic): string {
  return `topic ${tenant}/${name}`;
}
