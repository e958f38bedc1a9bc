/**
 * Hash slot of a key, for tests that must know where a key lives; bit by bit, unlike the product's
 * table.
 */

/**
 * Source: Redis Cluster specification, "Key distribution model" (CRC16, polynomial 0x1021, mod
 * 16384).
 */
export function slotOf(key: string): number {
  const bytes = Buffer.from(taggedPart(key));
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc % 16_384;
}

/** Source: the same, "Hash tags": the first `{…}` with something inside. */
function taggedPart(key: string): string {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}
