/** Compressed records → their bytes, never more of them than asked for. */
import { promisify } from 'node:util';
import { gunzip, gunzipSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import { KafkaError } from '../kafka-error.ts';
import type { Compression } from './record-batch.ts';

// A broker checks the compressed size only: one megabyte can hold a gigabyte. gzip and zstd stop
// by themselves at a bound; snappy and lz4 say beforehand how large they will be, or nearly so.

/** Larger input leaves the event loop for zlib's own threads. */
const syncBytesMax = 32 * 1024;

const gunzipAside = promisify(gunzip);
const zstdAside = promisify(zstdDecompress);

/** Throws `answer-unreadable` when the bytes are broken or would become more than `bytesMax`. */
export async function unpack(
  packed: Buffer,
  compression: Exclude<Compression, 'none'>,
  bytesMax: number,
): Promise<Buffer> {
  const options = { maxOutputLength: bytesMax };
  const isSmall = packed.length <= syncBytesMax;
  try {
    switch (compression) {
      case 'gzip':
        return isSmall ? gunzipSync(packed, options) : await gunzipAside(packed, options);
      case 'zstd':
        return isSmall ? zstdDecompressSync(packed, options) : await zstdAside(packed, options);
      case 'snappy':
        refuseAbove(bytesMax, snappySize(packed));
        return compressionsAlgorithms.snappy.decompressSync(packed);
      case 'lz4':
        refuseAbove(bytesMax, lz4SizeMin(packed));
        return compressionsAlgorithms.lz4.decompressSync(packed);
      default:
        return compression satisfies never;
    }
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new KafkaError('answer-unreadable', `records packed by ${compression}: ${told}`, {
      cause: error,
    });
  }
}

function refuseAbove(bytesMax: number, size: number): void {
  if (size > bytesMax) throw new RangeError(`unpacked they are larger than ${bytesMax} bytes`);
}

const xerialHead = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/**
 * What comes out. Java clients frame snappy as xerial does: head, two versions (INT32), then
 * blocks, each with its length (INT32). Others write one bare block.
 */
function snappySize(packed: Buffer): number {
  if (!packed.subarray(0, xerialHead.length).equals(xerialHead)) return blockSize(packed, 0);
  let size = 0;
  for (let at = xerialHead.length + 8; at < packed.length; ) {
    const length = packed.readUInt32BE(at);
    size += blockSize(packed, at + 4);
    at += 4 + length;
  }
  return size;
}

/** A snappy block starts with its size unpacked, a varint without zigzag. */
function blockSize(packed: Buffer, start: number): number {
  let size = 0;
  for (let at = start, unit = 1; at < start + 5; at++, unit *= 128) {
    const byte = packed.readUInt8(at);
    size += (byte & 127) * unit;
    if (byte < 128) return size;
  }
  throw new RangeError('a snappy block without its size');
}

/**
 * What comes out at least: every block but the last is full, or it would not have been closed.
 * Source: "LZ4 Frame Format Description" 1.6.
 */
function lz4SizeMin(packed: Buffer): number {
  const flags = packed.readUInt8(4);
  const blockBytesMax = 2 ** (8 + 2 * ((packed.readUInt8(5) >> 4) & 7));
  const hasBlockChecksum = (flags & 0b1_0000) !== 0;
  const hasSize = (flags & 0b1000) !== 0;
  let blocks = 0;
  let at = 7 + (hasSize ? 8 : 0);
  while (at + 4 <= packed.length) {
    const length = packed.readUInt32LE(at) & 0x7fff_ffff;
    if (length === 0) break;
    blocks++;
    at += 4 + length + (hasBlockChecksum ? 4 : 0);
  }
  return Math.max(0, blocks - 1) * blockBytesMax;
}
