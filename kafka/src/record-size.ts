/** How much memory records take: one measure for every bound on them. */
import type { KafkaRecord, NewRecord } from './gateway.ts';

/** What one record costs beside its bytes: its object, two views, a place in an array. */
export const recordShareBytes = 200;
const headerShareBytes = 150;

export function recordBytes(record: KafkaRecord | NewRecord): number {
  let bytes = recordShareBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { name, value } of record.headers) {
    bytes += headerShareBytes + name.length + (value?.length ?? 0);
  }
  return bytes;
}
