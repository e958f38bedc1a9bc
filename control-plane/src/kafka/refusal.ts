/** What a failure of Kafka is called in answers, and what the caller can do about it. */
import type { ErrorCode } from '@respool/contracts/errors';
import type { KafkaError, KafkaErrorCode } from '@respool/kafka/kafka-error';

export interface KafkaRefusal {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields?: readonly { field: string; message: string }[];
}

const codes: Readonly<Record<KafkaErrorCode, ErrorCode>> = {
  'topic-unknown': 'kafka-topic-unknown',
  'topic-exists': 'conflict-topic',
  'topic-invalid': 'conflict-topic',
  'group-in-use': 'kafka-refused',
  'record-invalid': 'kafka-refused',
  'message-too-large': 'kafka-refused',
  'offset-out-of-range': 'kafka-refused',
  'producer-stale': 'kafka-refused',
  'version-unsupported': 'kafka-refused',
  'answer-unreadable': 'kafka-refused',
  refused: 'kafka-refused',
  'not-authorized': 'kafka-denied',
  'authentication-failed': 'kafka-denied',
  // A partition just added that not every broker has heard of.
  'partition-unknown': 'kafka-unavailable',
  'leader-moved': 'kafka-unavailable',
  'coordinator-moved': 'kafka-unavailable',
  'not-enough-replicas': 'kafka-unavailable',
  'broker-unreachable': 'kafka-unavailable',
  'broker-busy': 'kafka-unavailable',
  deadline: 'kafka-unavailable',
  overloaded: 'kafka-unavailable',
  closed: 'kafka-unavailable',
};

export function kafkaErrorCode({ code }: KafkaError): ErrorCode {
  return codes[code];
}

/** A sentence for an operator; it holds no secret, because no KafkaError does. */
export function kafkaMessage(error: KafkaError, backend: string): string {
  switch (codes[error.code]) {
    case 'kafka-unavailable':
      return `Kafka backend ${backend} does not answer: ${error.message}`;
    case 'kafka-denied':
      return `Kafka backend ${backend} does not let us: ${error.message}`;
    default:
      return `Kafka backend ${backend} refuses: ${error.message}`;
  }
}
