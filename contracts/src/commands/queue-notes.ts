/** What there is to know of each command about a topic; they reach its Kafka cluster from any tenant. */

export const queueNotes: Readonly<Record<string, string>> = {
  kpush: 'by Kafka: answered once every replica in sync has the record',
  kpop: "by Kafka: from a partition and offset on, or from the user's own position, at least once each",
  kpartition: 'by Kafka',
  kpartitions: 'by Kafka',
  koffset: 'by Kafka',
  kack: 'for topics whose records are acknowledged by hand, from any connection of the user',
  knack: 'for topics whose records are acknowledged by hand: the record goes back, first in line',
  klag: "by Kafka: the user's own position in each partition, its end, and what lies between",
  kseek: "as an event in the log: the user's own position is moved, wherever it is kept",
};
