/** PROXY EXPLAIN of a command about a topic: which, where in Kafka, for which consumer, by which grant. */
import { type Circumstances, contractOf } from '@respool/contracts/commands/contract';
import { consumerGroup } from '@respool/contracts/queues';
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { admit } from '../policy/policy.ts';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, map, number } from '../resp/values.ts';
import { fullName } from '../session/acl.ts';
import type { Session } from '../session/session.ts';
import type { TopicView, UserView } from '../state.ts';
import { contractFields } from './contract-fields.ts';
import { textOfError } from './explain.ts';
import { grantsOf, servedTopic, topicNamed } from './queue-topic.ts';

/** Nothing of it depends on a route: a tenant may have topics and no Redis. */
export function explainedQueue(session: Session, asked: Command, given: Circumstances): Resp {
  const user = session.user as UserView;
  const facts = asked.facts as CommandFacts;
  const refusal = admit(session, asked) ?? refusalIn(user, asked, facts.name);
  const fields: [string, Resp][] = [
    ['tenant', bulk(user.tenant.id)],
    ['user', bulk(fullName(user))],
    ['sequence', number(session.state.sequence)],
    ['protocol', number(session.protocol)],
    ['contract', map(contractFields(contractOf(facts, given)))],
    ['verdict', bulk(refusal === null ? 'admitted' : textOfError(refusal))],
  ];
  const topic = asked.argc > 1 ? topicNamed(user, asked) : undefined;
  if (topic !== undefined) fields.push(...topicFields(user, topic, facts.name));
  return map(fields);
}

function refusalIn(user: UserView, asked: Command, word: string): Buffer | null {
  const served = servedTopic(user, word, asked);
  return Buffer.isBuffer(served) ? served : null;
}

function topicFields(user: UserView, topic: TopicView, word: string): [string, Resp][] {
  const { needed, held } = grantsOf(user, word, topic);
  return [
    ['topic', bulk(topic.name)],
    ['kafka-name', bulk(topic.kafkaName)],
    ['backend', bulk(topic.backend?.id ?? '')],
    ['backend-kind', bulk('kafka')],
    ['consumer-group', bulk(consumerGroup(user.tenant.id, user.name))],
    ['ack', bulk(topic.ack)],
    ['grants-needed', array(needed.map((right) => bulk(right)))],
    ['grants-held', array(held.map((right) => bulk(right)))],
  ];
}
