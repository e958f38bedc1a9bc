/** From the bytes of a name to the command's facts, without a string and without a collision. */
import type { CommandFacts } from '@respool/contracts/commands/facts';
import { commands } from '@respool/contracts/commands/table';

/*
 * The first eight bytes are packed, case bit cleared, into two integers; those and the length
 * choose one of 8,192 buckets. The multiplier is searched for at start, so that no two names share
 * one. For a name of up to eight letters equal integers and lengths already prove equality, because
 * clearing the case bit maps no other byte on a letter; GET takes no second look at its bytes.
 */
const bucketBits = 13;
const bucketCount = 1 << bucketBits;
const bucketShift = 32 - bucketBits;
const packedBytes = 8;

const facts = new Array<CommandFacts | null>(bucketCount).fill(null);
const lows = new Int32Array(bucketCount);
const highs = new Int32Array(bucketCount);
/** Length of the bucket's name where the integers prove it; 0 where its bytes must be compared. */
const provenLengths = new Uint8Array(bucketCount);

const topLevel = commands.filter((one) => one.parent === null);
const nameBytesMax = Math.max(...topLevel.map((one) => one.nameBytes.length));
const multiplier = findMultiplier();
for (const one of topLevel) fill(one);

/**
 * The command named by `bytes[start..end)`, in any case; null when there is none. Subcommands are
 * not found here, see {@link lookupSubcommand}.
 */
export function lookupCommand(bytes: Buffer, start: number, end: number): CommandFacts | null {
  const length = end - start;
  const lowEnd = length < 4 ? end : start + 4;
  const highEnd = length < packedBytes ? end : start + packedBytes;
  let low = 0;
  let high = 0;
  let i = start;
  for (; i < lowEnd; i++) low = (low << 8) | (bytes[i]! & 0xdf);
  for (; i < highEnd; i++) high = (high << 8) | (bytes[i]! & 0xdf);
  const bucket = bucketOf(low, high, length, multiplier);
  if (provenLengths[bucket] === length && lows[bucket] === low && highs[bucket] === high) {
    return facts[bucket]!;
  }
  return compared(facts[bucket]!, bytes, start, end);
}

/** The subcommand of `parent` named by `bytes[start..end)`, in any case; null when there is none. */
export function lookupSubcommand(
  parent: CommandFacts,
  bytes: Buffer,
  start: number,
  end: number,
): CommandFacts | null {
  if (parent.subcommands === null || end - start > 64) return null;
  return parent.subcommands.get(bytes.toString('latin1', start, end).toLowerCase()) ?? null;
}

/** `candidate` when its name is, byte by byte and in any case, the one asked for. */
function compared(
  candidate: CommandFacts | null,
  bytes: Buffer,
  start: number,
  end: number,
): CommandFacts | null {
  if (candidate === null || end - start > nameBytesMax) return null;
  const name = candidate.nameBytes;
  if (name.length !== end - start) return null;
  for (let i = start, j = 0; i < end; i++, j++) {
    const byte = bytes[i]!;
    const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte;
    if (upper !== name[j]) return null;
  }
  return candidate;
}

function bucketOf(low: number, high: number, length: number, factor: number): number {
  return Math.imul(low ^ Math.imul(high + length, 0x9e3779b1), factor) >>> bucketShift;
}

function findMultiplier(): number {
  const taken = new Uint32Array(bucketCount);
  for (let candidate = 1; ; candidate += 2) {
    const free = topLevel.every((one) => {
      const name = one.nameBytes;
      const bucket = bucketOf(pack(name, 0, 4), pack(name, 4, 8), name.length, candidate);
      const alone = taken[bucket] !== candidate;
      taken[bucket] = candidate;
      return alone;
    });
    if (free) return candidate;
  }
}

function fill(one: CommandFacts): void {
  const name = one.nameBytes;
  const low = pack(name, 0, 4);
  const high = pack(name, 4, packedBytes);
  const bucket = bucketOf(low, high, name.length, multiplier);
  facts[bucket] = one;
  lows[bucket] = low;
  highs[bucket] = high;
  const proven = name.length <= packedBytes && /^[A-Z]+$/.test(name.toString('latin1'));
  provenLengths[bucket] = proven ? name.length : 0;
}

function pack(name: Buffer, from: number, to: number): number {
  let packed = 0;
  for (let i = from; i < Math.min(to, name.length); i++) packed = (packed << 8) | (name[i]! & 0xdf);
  return packed;
}
