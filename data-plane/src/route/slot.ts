/** Hash slot of a key: CRC16 and hash tags. */

const slotMask = 16_383;
const openBrace = 123;
const closeBrace = 125;

/**
 * `tables[k][byte]`: what a byte does to the CRC once k more zero bytes follow it. Four bytes can then
 * be folded in at once, for their parts only meet in an exclusive or ("slicing by four").
 */
const tables = [0, 1, 2, 3].map(() => new Uint16Array(256));
const [table, table1, table2, table3] = tables as [
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
];
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  table[byte] = crc;
}
for (let k = 1; k < 4; k++) {
  const before = tables[k - 1] as Uint16Array;
  for (let byte = 0; byte < 256; byte++) {
    const crc = before[byte]!;
    tables[k]![byte] = (crc << 8) ^ table[crc >>> 8]!;
  }
}

/**
 * CRC16 of `bytes[start, end)`, continued from `crc` (0 at the beginning): XMODEM, polynomial 0x1021.
 * Source: Redis Cluster specification, appendix "CRC16 reference implementation".
 */
export function crc16(bytes: Uint8Array, start: number, end: number, crc = 0): number {
  let value = crc;
  let i = start;
  for (const fours = end - 3; i < fours; i += 4) {
    value =
      table3[(value >>> 8) ^ bytes[i]!]! ^
      table2[(value & 0xff) ^ bytes[i + 1]!]! ^
      table1[bytes[i + 2]!]! ^
      table[bytes[i + 3]!]!;
  }
  for (; i < end; i++) value = ((value << 8) & 0xffff) ^ table[(value >>> 8) ^ bytes[i]!]!;
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
