/** Ways to cut a stream into the chunks a socket might deliver. */
import fc from 'fast-check';

/** Whole, one byte at a time, and cut in two at every place. */
export function* everyCut(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield cutAt(bytes, [...bytes.keys()]);
  for (let cut = 1; cut < bytes.length; cut++) yield cutAt(bytes, [cut]);
}

export function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  places.sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(4096), { maxLength: 12 });
