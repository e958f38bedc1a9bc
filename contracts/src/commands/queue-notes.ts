/** What there is to know of each command about a topic; they reach its Kafka cluster from any tenant. */

export const queueNotes: Readonly<Record<string, string>> = {
  kpush: 'by Kafka: answered once every replica in sync has the record',
  kpop: 'by Kafka, from a partition and offset on; refused without them: no positions are kept yet',
  kpartition: 'by Kafka',
  kpartitions: 'by Kafka',
  koffset: 'by Kafka',
};
