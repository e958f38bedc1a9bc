/** Hash slot of a key: CRC16 and hash tags. */

const slotMask = 16_383;
const openBrace = 123;
const closeBrace = 125;

const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  table[byte] = crc;
}

/**
 * CRC16 of `bytes[start, end)`, continued from `crc` (0 at the beginning): XMODEM, polynomial 0x1021.
 * Source: Redis Cluster specification, appendix "CRC16 reference implementation".
 */
export function crc16(bytes: Uint8Array, start: number, end: number, crc = 0): number {
  let value = crc;
  for (let i = start; i < end; i++) {
    value = ((value << 8) & 0xffff) ^ table[((value >>> 8) ^ bytes[i]!) & 0xff]!;
  }
  return value;
}

/**
 * Hash slot, 0…16383, of the key `bytes[start, end)` once a prefix with CRC16 `prefixCrc` stands in
 * front of it (0 without one). A prefix holds no brace, so only the key's own hash tag counts, and
 * then the prefix does not matter. `bytes` is read, not kept.
 * Source: Redis Cluster specification, "Hash tags" and "Key distribution model".
 */
export function slotOf(bytes: Uint8Array, start: number, end: number, prefixCrc: number): number {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== openBrace) continue;
    for (let j = i + 1; j < end; j++) {
      if (bytes[j] !== closeBrace) continue;
      if (j > i + 1) return crc16(bytes, i + 1, j) & slotMask;
      break;
    }
    break;
  }
  return crc16(bytes, start, end, prefixCrc) & slotMask;
}
