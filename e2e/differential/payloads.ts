/** Payloads for RESTORE, as a redis-server of the run dumps them. */
import type { RawClient } from '../topology/raw-client.ts';

const made: readonly (readonly string[])[] = [
  ['SET', 'dumped', 'some text'],
  ['SET', 'dumped', '12345'],
  ['RPUSH', 'dumped', 'one', '2', 'three'],
  ['SADD', 'dumped', '3', '1', '2'],
  ['ZADD', 'dumped', '1', 'm1', '2.5', 'm2'],
  ['HSET', 'dumped', 'f1', 'v1', 'f2', 'v2'],
  ['XADD', 'dumped', '1-1', 'f1', 'v1'],
  ['PFADD', 'dumped', 'm1', 'm2', 'm3'],
];

/** One of every type; a damaged one is the last. */
export async function makePayloads(client: RawClient): Promise<Buffer[]> {
  const payloads: Buffer[] = [];
  for (const command of made) {
    await client.call('DEL', 'dumped');
    await client.call(...command);
    const reply = await client.raw('DUMP', 'dumped');
    payloads.push(reply.subarray(reply.indexOf('\r\n') + 2, -2));
  }
  const damaged = Buffer.from(payloads[0] as Buffer);
  damaged.writeUInt8(damaged.readUInt8(2) ^ 1, 2);
  return [...payloads, damaged];
}
