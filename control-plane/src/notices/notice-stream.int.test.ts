/** Notices on a real nats-server: kept as proxies publish them, the oldest gone first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { noticesQuery } from '@respool/contracts/notices';
import { noticeStream, noticeSubject } from '@respool/contracts/subjects';
import { patience } from '../../test/events.ts';
import { openLog, startServer } from '../../test/jetstream.ts';
import { until } from '../../test/until.ts';
import { NoticeStream } from './notice-stream.ts';
import { searchNotices } from './notices.ts';

function noticeOf(count: number) {
  return {
    ...{ kind: 'dropped', tenant: 'acme', topic: 'orders', consumer: 'app', partition: 0 },
    ...{ from: count, to: count, count, proxy: 'p1', at: '2026-05-01T00:00:00.000Z' },
  };
}

test('notices outlive a restart, are read page by page, and opening the stream again changes nothing', async (t) => {
  const server = await startServer(t);
  const { connection } = await openLog(t, server);
  const store = await NoticeStream.open(connection, 1);
  const search = async (query: object) => {
    const { items, next } = await searchNotices(store, noticesQuery.parse(query), patience());
    return [items.map(({ count }) => count), next];
  };
  assert.deepEqual(await search({}), [[], null]);
  const acked = await connection.request(noticeSubject('p1'), JSON.stringify(noticeOf(0)));
  assert.deepEqual(acked.json(), { stream: noticeStream, seq: 1 });
  for (let count = 1; count < 600; count++) {
    connection.publish(noticeSubject('p1'), JSON.stringify(noticeOf(count)));
  }
  await until('all are stored', async () => {
    return (await store.read(599, 1, patience())).length === 1;
  });
  await NoticeStream.open(connection, 1);
  await server.kill9();
  await server.restart();
  const counts = Array.from({ length: 600 }, (_, count) => count);
  assert.deepEqual(await search({ limit: '500' }), [counts.slice(0, 500), 500]);
  assert.deepEqual(await search({ limit: '500', after: '500' }), [counts.slice(500), null]);
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(noticeStream, { keep: 5 });
  assert.deepEqual(await search({ after: '3' }), [counts.slice(595), null]);
  const { config } = await manager.streams.info(noticeStream);
  assert.deepEqual(
    [config.max_msgs, config.max_age / 1e9, config.discard, config.storage],
    [100_000, 30 * 86_400, 'old', 'file'],
  );
});
