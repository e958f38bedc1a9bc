/** Which partition a key belongs to: the same one as in every client that follows Kafka's own. */

const seed = 0x9747b28c;
const factor = 0x5bd1e995;

/**
 * Partition of a key, 0…count-1. Equal keys share one for as long as the number of partitions
 * stays.
 * Source: `BuiltInPartitioner.partitionForKey` of the Java client.
 */
export function partitionOfKey(key: Uint8Array, count: number): number {
  return (murmur2(key) & 0x7fff_ffff) % count;
}

/** MurmurHash2, 32 bits, as signed number. Source: `Utils.murmur2` of the Java client. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = seed ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    // The loop's condition keeps all four inside.
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    let mixed = Math.imul(word, factor);
    mixed ^= mixed >>> 24;
    hash = Math.imul(hash, factor) ^ Math.imul(mixed, factor);
  }
  const rest = length - at;
  if (rest >= 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, factor);
  hash = Math.imul(hash ^ (hash >>> 13), factor);
  return hash ^ (hash >>> 15);
}
