/**
 * Seeded simulation of a position: three proxies ask, are done with records or not, lose answers
 * and die; owners drain, are fenced, or go on not knowing that they were replaced; Kafka refuses,
 * loses answers and is away. At every commit no record below it may be open; every owner gives out
 * a partition in order; in the end everything was delivered, done and committed. Where no commit
 * can come late a new owner repeats a window at most. RESPOOL_FUZZ_SEED chooses the first seed,
 * RESPOOL_FUZZ_RUNS how many follow, RESPOOL_FUZZ_SCALE how much longer each is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../test/random.ts';
import { World } from '../test/unit-world.ts';

const firstSeed = Number(process.env['RESPOOL_FUZZ_SEED'] ?? 1);
const runs = Number(process.env['RESPOOL_FUZZ_RUNS'] ?? 24);
const scale = Number(process.env['RESPOOL_FUZZ_SCALE'] ?? 1);
const steps = 250;
const settleMsMax = 120_000;

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  const isWild = seed % 2 === 0;
  const isManual = seed % 3 === 0;
  const name = `${isWild ? 'zombies and late commits' : 'owners that know their end'}, seed ${seed}`;
  test(`nothing is lost with ${name}`, async () => {
    const world = new World({ random: new Random(seed * 7919), isWild, isManual });
    for (let step = 0; step < steps * scale; step++) await world.step();
    const isSettled = await world.settle(settleMsMax);
    assert.deepEqual(world.oracle.failures, []);
    assert(isSettled, world.describe());
    world.oracle.checkOrder();
  });
}
