/**
 * A scan returns every key that is there throughout, whatever the cluster does meanwhile.
 *
 * Method: a model of a cluster, in which between two steps of the scan slots are opened, half moved
 * and handed over, nodes fail over to replicas with another order of keys, nodes come, and the
 * proxy's table of owners is late. All keys lie in the first forty slots, in ranges short enough to
 * make the walk jump. RESPOOL_TEST_SEED repeats a run, RESPOOL_TEST_RUNS makes the campaign longer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../test/random.ts';
import { ScanCluster } from '../test/scan-cluster.ts';
import { scanCluster } from './cluster-scan.ts';

const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);

const runs = Number(process.env['RESPOOL_TEST_RUNS'] ?? 8);

interface Scanned {
  readonly times: Map<string, number>;
  readonly steps: number;
}

async function scanAll(cluster: ScanCluster, between: (step: number) => void): Promise<Scanned> {
  const times = new Map<string, number>();
  let cursor = 0n;
  for (let step = 1; ; step++) {
    assert.ok(step < 100_000, 'the scan does not end');
    const page = await scanCluster(cluster, cursor, []);
    for (const key of [...page.keys, ...page.unfiltered]) {
      times.set(String(key), (times.get(String(key)) ?? 0) + 1);
    }
    cursor = page.cursor;
    if (cursor === 0n) return { times, steps: step };
    between(step);
  }
}

function filled(random: Random, rangeMax: number): [ScanCluster, string[]] {
  const cluster = new ScanCluster(random, 1 + random.below(4), rangeMax);
  const keys = Array.from({ length: 200 }, (_, index) => `${random.below(40)}:${index}`);
  for (const key of keys) cluster.put(key);
  return [cluster, keys];
}

test(`in a cluster that keeps its shape every key comes once, seed ${seed}`, async () => {
  for (let run = 0; run < 10; run++) {
    const random = new Random(seed + run);
    const [cluster, keys] = filled(random, random.pick([3, 20, 8000]));
    const { times, steps } = await scanAll(cluster, () => {});
    assert.deepEqual([...times.keys()].sort(), [...keys].sort(), `run ${run}`);
    assert.ok(
      [...times.values()].every((count) => count === 1),
      `run ${run}`,
    );
    assert.ok(steps <= 64 * cluster.nodes().length, 'each node is scanned once, however cut up');
  }
});

test(`no key is left out while slots move and nodes fail over, seed ${seed}`, async () => {
  for (let run = 0; run < runs; run++) {
    const random = new Random(seed + run);
    const [cluster, keys] = filled(random, random.pick([3, 20, 8000]));
    const calmAfter = random.below(600);
    const every = 1 + random.below(40);
    const { times } = await scanAll(cluster, (step) => {
      // Several at once: a slot may move between two steps.
      const burst = step < calmAfter && random.below(every) === 0 ? random.below(8) : 0;
      for (let change = 0; change < burst; change++) cluster.disturb();
      if (step === calmAfter) cluster.settle();
    });
    const lost = keys.filter((key) => !times.has(key));
    assert.deepEqual(lost, [], `run ${run}`);
  }
});
