/** docs/reference/metrics.md lists what both planes export: names, types and labels, both ways. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Metrics } from '@respool/data-plane/observe/metrics';
import { Observe } from '@respool/data-plane/observe/observe';
import type { PositionsSample } from '@respool/data-plane/observe/position-metrics';
import { TestApi } from '../../test/api.ts';

const page = readFileSync(new URL('../../../docs/reference/metrics.md', import.meta.url), 'utf8');
/** Made by prom-client of the process itself; the page names them as a kind. */
const ofProcess = /^(respool_)?(process|nodejs)_/;

/** `name type labels` of each row in one chapter. */
function told(chapter: string): string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(chapter)) ?? '';
  const rows = text.matchAll(/^\| `(respool_\w+)` \| (\w+) \| ([\w, ]*) ?\|/gm);
  return [...rows].map(([, name, type, labels = '']) => `${name} ${type} ${labels.trim()}`).sort();
}

/** The same of a page that was scraped; a metric without any sample has no labels to be seen. */
function exported(text: string): string[] {
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  const own = types.filter(([, name = '']) => !ofProcess.test(name));
  return own.map(([, name, type]) => `${name} ${type} ${labelsOf(text, name ?? '')}`).sort();
}

function labelsOf(text: string, metric: string): string {
  const sample = new RegExp(`^${metric}(?:_bucket|_count)?\\{(.*)\\} `, 'm').exec(text)?.[1] ?? '';
  const names = [...sample.matchAll(/(\w+)="/g)].map(([, name]) => name);
  return names.filter((name) => name !== 'le').join(', ');
}

const somePositions: PositionsSample = {
  ...{ leased: true, owned: 1, out: 0, waiting: 0, aheadBytes: 0, taken: 1, fenced: 0, moved: 0 },
  ...{ redeliveries: 0, skipped: 0, deadLetters: 0, commits: 1, commitErrors: 0 },
  ...{ noticesSent: 0, noticesLost: 0, leasesLost: 0, dropped: 0 },
};

test('the page lists the metrics of the proxy', async () => {
  const observe = new Observe(['string']);
  const meter = observe.meter('shop');
  meter.observeRun(0, 1, 100);
  meter.queue.pops = 1;
  const { commands, errors, refused, requestBytes, replyBytes } = meter;
  for (const counts of [commands, errors, refused, requestBytes, replyBytes]) counts[0] = 1;
  meter.queue.pops = 1;
  const counts = { up: true, connections: 1, owned: 0, inFlight: 0, queuedBytes: 0 };
  const backends = () => [{ backend: 'main', node: 'h:1', role: 'primary' as const, ...counts }];
  const follow = () => ({ connected: true, alarmed: false, staleSinceMs: null });
  const figures = { pushes: 1, pushedBytes: 1, pushErrors: 0, pushesInDoubt: 0 };
  const more = { reads: 1, recordsRead: 1, readErrors: 0, queuedRecords: 0, queuedBytes: 0 };
  const kafkas = () => [{ backend: 'k', answers: true, ...figures, ...more, windowBytes: 0 }];
  const positions = () => somePositions;
  const sources = { observe, backends, kafkas, positions, follow, version: '1', now: () => 0 };
  const metrics = new Metrics(sources);
  let text = '';
  for await (const piece of metrics.text()) text += piece;
  assert.deepEqual(exported(text), told('Proxy'));
  assert.match(text, /^respool_process_/m);
});

test('the page lists the metrics of the control plane', async (t) => {
  const api = await TestApi.start();
  t.after(() => api.close());
  await api.ok('GET', '/v1/tenants');
  const { text } = await api.ok('GET', '/metrics');
  assert.deepEqual(exported(text), told('Control plane'));
  assert.match(text, /^process_/m);
});
