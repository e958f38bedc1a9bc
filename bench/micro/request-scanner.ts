/**
 * Nanoseconds per command of the request scanner, alone and with the lookup of the command's name.
 *
 *     node bench/micro/request-scanner.ts
 *
 * Each case scans a 64 KiB read of equal commands again and again; the median of the rounds is
 * printed, with the lowest and highest. Compare figures of one run only: the machine moves them.
 */
import { lookupCommand } from '@respool/data-plane/command/command';
import { encodeRequest } from '@respool/data-plane/resp/encoder';
import { RequestFrame, scanRequest, unlimited } from '@respool/data-plane/resp/request-scanner';

const readBytes = 65_536;
const rounds = 15;
const roundMs = 60;

const key = 'key:000000001234';
const cases: [string, string[]][] = [
  ['GET', ['GET', key]],
  ['SET 64 B', ['SET', key, 'x'.repeat(64)]],
  ['SET 1 KB', ['SET', key, 'x'.repeat(1024)]],
  ['HSET of 4 fields', ['HSET', key, ...Array.from({ length: 8 }, (_, i) => `field-${i}`)]],
  ['MGET of 10', ['MGET', ...Array.from({ length: 10 }, (_, i) => `${key}${i}`)]],
  ['PING', ['PING']],
];

const frame = new RequestFrame();
/** Summed up and printed, so that no scan can be optimised away. */
let seen = 0;

function scanRead(bytes: Buffer, withLookup: boolean): number {
  const end = bytes.length;
  let commands = 0;
  let sum = 0;
  for (let cursor = 0; cursor < end; commands++) {
    cursor = scanRequest(frame, bytes, cursor, end, unlimited);
    if (cursor < 0) throw new Error(frame.error);
    if (withLookup) sum += lookupCommand(bytes, frame.nameStart, frame.nameEnd)?.id ?? 0;
    else sum += frame.nameEnd - frame.nameStart;
  }
  seen = (seen + sum) % 1_000_003;
  return commands;
}

function nanosecondsPerCommand(bytes: Buffer, withLookup: boolean): number {
  const started = process.hrtime.bigint();
  let commands = 0;
  let elapsed = 0n;
  while (elapsed < BigInt(roundMs) * 1_000_000n) {
    commands += scanRead(bytes, withLookup);
    elapsed = process.hrtime.bigint() - started;
  }
  return Number(elapsed) / commands;
}

const reads = cases.map(([name, args]) => {
  const one = encodeRequest(args);
  return { name, bytes: Buffer.concat(Array(Math.ceil(readBytes / one.length)).fill(one)) };
});
// Every case once before any is measured: the shapes seen decide what the engine compiles.
for (const { bytes } of reads) for (const both of [false, true]) nanosecondsPerCommand(bytes, both);

console.log('ns per command'.padEnd(22), 'scan [min-max]'.padEnd(22), 'with lookup');
for (const { name, bytes } of reads) {
  const columns = [false, true].map((withLookup) => {
    const figures = Array.from({ length: rounds }, () => nanosecondsPerCommand(bytes, withLookup));
    figures.sort((a, b) => a - b);
    const [low, middle, high] = [0, rounds >> 1, rounds - 1].map((at) => figures[at]?.toFixed(1));
    return `${middle} [${low}-${high}]`;
  });
  console.log(name.padEnd(22), (columns[0] ?? '').padEnd(22), columns[1]);
}
console.log(`checksum ${seen}`);
