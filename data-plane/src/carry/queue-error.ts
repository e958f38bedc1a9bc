/** Why a command about a topic came to nothing, in the words its client gets. */
import { type ErrorCode, errors } from '@respool/contracts/errors';
import { asKafkaError, type KafkaError, type KafkaErrorCode } from '@respool/kafka/kafka-error';
import { PositionError, type PositionErrorCode } from '../positions/positions.ts';
import { encodeError } from '../resp/encoder.ts';
import type { TopicView } from '../state.ts';

/** `code` is one that proxies say: docs/reference/errors.md. */
export function wireError(code: ErrorCode, message: string): Buffer {
  const { resp } = errors[code];
  if (resp === null) throw new Error('invariant: proxies say only codes of the wire');
  return encodeError(resp, message);
}

const codes: Readonly<Record<KafkaErrorCode, ErrorCode>> = {
  'partition-unknown': 'partition-unknown',
  'offset-out-of-range': 'offset-out-of-range',
  'message-too-large': 'record-refused',
  'record-invalid': 'record-refused',
  'topic-unknown': 'kafka-refused',
  'topic-exists': 'kafka-refused',
  'topic-invalid': 'kafka-refused',
  'not-authorized': 'kafka-refused',
  'authentication-failed': 'kafka-refused',
  'version-unsupported': 'kafka-refused',
  'producer-stale': 'kafka-refused',
  'answer-unreadable': 'kafka-refused',
  refused: 'kafka-refused',
  // Until whoever joined it leaves, which no client of ours brings about or can foresee.
  'group-in-use': 'kafka-unavailable',
  'leader-moved': 'kafka-unavailable',
  'coordinator-moved': 'kafka-unavailable',
  'not-enough-replicas': 'kafka-unavailable',
  'broker-unreachable': 'kafka-unavailable',
  'broker-busy': 'kafka-unavailable',
  deadline: 'kafka-unavailable',
  closed: 'kafka-unavailable',
  overloaded: 'proxy-overloaded',
};

/** What the client cannot tell by the error's first word. */
const lead: Readonly<Partial<Record<ErrorCode, string>>> = {
  'record-refused': 'the record is refused, and not stored: ',
  'kafka-refused': 'Kafka refuses it: ',
  'kafka-unavailable': 'Kafka does not serve it now: ',
  'push-in-doubt': 'the record may be stored: ',
  'proxy-overloaded': 'the proxy takes no more now, and stored nothing: ',
};

export const noPositions = wireError('position-unavailable', 'this proxy keeps no positions');

const positionCodes: Readonly<Record<PositionErrorCode, ErrorCode>> = {
  'no-owner': 'position-unavailable',
  closed: 'position-unavailable',
  'window-full': 'window-full',
};

/** Why the position of a consumer could not be asked; `error` is a PositionError, or Kafka's. */
export function positionFailure(topic: TopicView, error: unknown): Buffer {
  if (!(error instanceof PositionError)) return kafkaFailure(topic, asKafkaError(error));
  return wireError(
    positionCodes[error.code],
    error.message.replaceAll(topic.kafkaName, topic.name),
  );
}

/** Says whether the write may have happened, and names the topic as its client does. */
export function kafkaFailure({ name, kafkaName }: TopicView, error: KafkaError): Buffer {
  const code = error.mayHaveHappened ? 'push-in-doubt' : codes[error.code];
  const told = error.message.replaceAll(kafkaName, name);
  return wireError(code, `${lead[code] ?? ''}${told}`);
}
