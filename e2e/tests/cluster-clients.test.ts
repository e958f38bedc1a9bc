/** Clients in cluster mode: they find one node that owns every slot, and work, whatever is behind. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cluster } from 'ioredis';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, type SurfaceTenant, startSurface } from '../topology/surface.ts';
import { redisPy } from '../topology/tools.ts';

const stage = useStage();
const pythonStory = fileURLToPath(new URL('redis_py_cluster_story.py', import.meta.url));
let surface: Surface;

before(async () => {
  surface = await startSurface(stage);
});

const tenants: readonly SurfaceTenant[] = ['demo', 'prefixed', 'numbered', 'spread', 'both'];

for (const tenant of tenants) {
  test(`ioredis Cluster: ${tenant}`, async () => {
    const node = { host: '127.0.0.1', port: surface.path.port };
    const cluster = new Cluster([node], { redisOptions: { username: tenant, password: 'x' } });
    try {
      const names = Array.from({ length: 200 }, (_, n) => `io:${n}`);
      await Promise.all(names.map((name, n) => cluster.set(name, n)));
      const values = await Promise.all(names.map((name) => cluster.get(name)));
      assert.deepEqual(
        values,
        names.map((_, n) => String(n)),
      );
      assert.equal(cluster.nodes('master').length, 1);
      assert.equal(cluster.nodes('slave').length, 0);
      const pipeline = cluster.pipeline();
      for (const name of names.slice(0, 20)) pipeline.incr(name);
      const incremented = await pipeline.exec();
      assert.deepEqual(
        incremented,
        names.slice(0, 20).map((_, n) => [null, n + 1]),
      );
      await assert.rejects(cluster.lpush('io:0', 'x'), /WRONGTYPE/);
      await Promise.all(names.map((name) => cluster.del(name)));
    } finally {
      cluster.disconnect();
    }
  });

  for (const protocol of ['default', '2']) {
    test(`redis-py RedisCluster, protocol ${protocol}: ${tenant}`, async () => {
      const { python, env } = await redisPy();
      const args = [pythonStory, String(surface.path.port), tenant, protocol];
      const result = await run(python, args, { env });
      assert.equal(result.code, 0, result.stdout + result.stderr);
      assert.match(result.stdout, /ok/);
    });
  }
}
