/** The head of a record batch, version 2: where its fields lie, and what its attributes mean. */
import { crc32c, Writer } from '@platformatic/kafka';

/*
  RecordBatch (version 2) =>
    0 base_offset INT64          21 attributes INT16          43 producer_id INT64
    8 batch_length INT32         23 last_offset_delta INT32   51 producer_epoch INT16
   12 leader_epoch INT32         27 base_timestamp INT64      53 base_sequence INT32
   16 magic INT8                 35 max_timestamp INT64       57 count INT32
   17 crc UINT32                                              61 records
  batch_length counts what follows it; crc (CRC-32C) covers everything from attributes on.
  Source: Kafka documentation, "Message Format".
*/
export const place = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const;

export const magic = 2;

export const attribute = {
  compression: 0b111,
  logAppendTime: 0b1000,
  transactional: 0b1_0000,
  control: 0b10_0000,
} as const;

/** Kafka's numbers for them, by name. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

/** What field `crc` of a batch must hold. */
export function checksum(batch: Buffer): number {
  const covered = batch.subarray(place.attributes);
  // A plain buffer would be copied first; in a writer it is taken as it is.
  return crc32c(Writer.create().append(covered).dynamicBuffer);
}
