/** Topics of a tenant with every name resolved: backend, dead letter, who may push and pop. */
import type { Position, Topic } from '@respool/contracts/queues';
import type { TenantState } from '@respool/contracts/snapshot';
import type { BackendView, KafkaView, TenantView, TopicView } from '../state.ts';

type Seek = Pick<Position, 'generation' | 'to'>;
/** While the views are made: a dead letter may come after the topic that names it. */
type Unresolved = Omit<TopicView, 'deadLetter'> & { deadLetter: TopicView | null };

export function topicViews(
  state: TenantState,
  tenant: TenantView,
  backends: ReadonlyMap<string, BackendView | KafkaView>,
): TopicView[] {
  const seeks = seeksByTopic(state);
  const views = new Map<string, Unresolved>();
  for (const { value } of Object.values(state.topics)) {
    const backend = backends.get(value.backend);
    const kafka = backend?.kind === 'kafka' ? backend : null;
    const view = viewOf(value, tenant, kafka, seeks.get(value.name) ?? new Map());
    views.set(value.name, view);
  }
  for (const { value } of Object.values(state.topics)) {
    const view = views.get(value.name);
    if (view === undefined || value.deadLetter === null) continue;
    view.deadLetter = views.get(value.deadLetter) ?? null;
  }
  return [...views.values()];
}

function viewOf(
  topic: Topic,
  tenant: TenantView,
  backend: KafkaView | null,
  seeks: ReadonlyMap<string, Seek>,
): Unresolved {
  const { name, kafkaName, enabled, ack, startAt, window, ackMs, maxDeliveries, grants } = topic;
  const rules = { kafkaName, enabled, ack, startAt, window, ackMs, maxDeliveries };
  const producers = new Set<string>();
  const consumers = new Set<string>();
  const seekers = new Set<string>();
  for (const { user, produce, consume, seek } of grants) {
    if (produce) producers.add(user);
    if (consume) consumers.add(user);
    if (seek) seekers.add(user);
  }
  const may = { producers, consumers, seekers };
  return { ...rules, tenant, name, backend, deadLetter: null, ...may, seeks };
}

function seeksByTopic(state: TenantState): Map<string, Map<string, Seek>> {
  const byTopic = new Map<string, Map<string, Seek>>();
  for (const { value } of Object.values(state.positions)) {
    const { topic, consumer, generation, to } = value;
    const held = byTopic.get(topic) ?? new Map<string, Seek>();
    held.set(consumer, { generation, to });
    byTopic.set(topic, held);
  }
  return byTopic;
}
