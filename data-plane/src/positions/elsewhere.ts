/** Values too large to be sent from proxy to proxy: read where they lie, by whoever was lent them. */
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Caller, Loaned } from './caller.ts';

/**
 * What a caller gets after all, in order: records that are gone, and what is more than it takes,
 * are given back. None if all are gone. Rejects with a KafkaError; then all are given back.
 */
export async function readElsewhere(caller: Caller): Promise<readonly Loaned[]> {
  const { wish, got } = caller;
  let missing: ReadonlySet<Loaned>;
  try {
    missing = await fill(caller);
  } catch (thrown) {
    for (const loaned of got) loaned.giveBack();
    throw thrown;
  }
  const kept = fitting(got, missing, wish.bytesMax);
  const isKept = new Set(kept);
  // Nobody saw these. Of what is gone the owner finds that out, since it reads what comes back.
  for (const loaned of got) if (!isKept.has(loaned)) loaned.giveBack();
  return kept;
}

/** Those that are not there any more. */
async function fill({ wish, elsewhere }: Caller): Promise<ReadonlySet<Loaned>> {
  const { backend, kafkaName: topic } = wish.topic;
  if (backend === null) throw new KafkaError('closed', 'the topic has no backend here');
  const missing = new Set<Loaned>();
  for (const loaned of elsewhere ?? []) {
    const { partition, offset } = loaned;
    const [record] = await backend.read({ topic, partition, offset, bytesMax: null });
    if (record?.offset === offset) loaned.value = record.value;
    else missing.add(loaned);
  }
  return missing;
}

function fitting(
  got: readonly Loaned[],
  missing: ReadonlySet<Loaned>,
  bytesMax: number,
): readonly Loaned[] {
  const found = got.filter((loaned) => !missing.has(loaned));
  let bytes = 0;
  const end = found.findIndex((loaned, place) => {
    bytes += loaned.value?.length ?? 0;
    return place > 0 && bytes > bytesMax;
  });
  return end < 0 ? found : found.slice(0, end);
}
