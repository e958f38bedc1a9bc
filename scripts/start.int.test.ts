/** The embedded start as a process: secrets, a moved Redis, a death, an interrupted start. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, type TestContext, test } from 'node:test';
import { projectRoot } from './provision/tools-folder.ts';
import { refuseBusyPorts } from './start/ports.ts';
import { listensOf, readStartSettings } from './start/settings.ts';
import { freePorts } from './test/port.ts';

const stateFolder = mkdtempSync(join(tmpdir(), 'respool-start-'));
after(() => rmSync(stateFolder, { recursive: true, force: true }));

/** A free port for each setting. */
async function portSettings(): Promise<Record<string, string>> {
  const settings = listensOf(readStartSettings({})).map(({ variable }) => variable);
  const free = await freePorts(settings.length);
  return Object.fromEntries(settings.map((variable, index) => [variable, String(free[index])]));
}

const ports = await portSettings();

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number>;
}

function start(t: TestContext, env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: projectRoot,
    env: { ...process.env, ...ports, RESPOOL_STATE_DIR: stateFolder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => Number(code ?? -1));
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, output: () => output, ended };
}

async function untilPrinted(run: Run, text: string): Promise<void> {
  while (!run.output().includes(text)) {
    const heard = once(run.child.stdout ?? run.child, 'data');
    const over = run.ended.then((code) => assert.fail(`ended with ${code}: ${run.output()}`));
    await Promise.race([heard, over]);
  }
}

async function redis(variable: string, ...words: string[]): Promise<string> {
  const args = ['-p', ports[variable] ?? '', ...words];
  const child = spawn('redis-cli', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return (await text(child.stdout)).trim();
}

/** Everything listens on loopback only, so free ports mean that nothing of ours is left. */
async function assertNothingListens(): Promise<void> {
  await refuseBusyPorts(listensOf(readStartSettings(ports)));
}

test('keeps its secrets from other users of the machine', async (t) => {
  const run = start(t);
  await untilPrinted(run, 'Ctrl-C stops everything');
  assert.equal(await redis('RESPOOL_RESP_PORT', 'SET', 'greeting', 'hello'), 'OK');
  for (const name of [
    'api-tokens',
    'api-header',
    'master-key',
    'nats-control-plane',
    'nats-proxy',
  ]) {
    assert.equal(statSync(join(stateFolder, 'secrets', name)).mode & 0o777, 0o600);
  }
  assert.equal(statSync(join(stateFolder, 'nats', 'nats-server.conf')).mode & 0o777, 0o600);
});

test('follows the embedded Redis to another port', async (t) => {
  const [moved = ''] = Object.values(await portSettings());
  const run = start(t, { RESPOOL_EMBEDDED_REDIS_PORT: moved });
  await untilPrinted(run, 'Ctrl-C stops everything');
  assert.equal(await redis('RESPOOL_RESP_PORT', 'GET', 'greeting'), 'hello');
  run.child.kill('SIGINT');
  assert.equal(await run.ended, 0);
});

test('says which process died, stops the others and fails', async (t) => {
  const run = start(t);
  await untilPrinted(run, 'Ctrl-C stops everything');
  const info = await redis('RESPOOL_EMBEDDED_REDIS_PORT', 'INFO', 'server');
  process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), 'SIGKILL');
  assert.equal(await run.ended, 1);
  assert.match(run.output(), /redis-server ended \(SIGKILL\)/);
  await assertNothingListens();
});

test('stops what runs already when it is interrupted while starting', async (t) => {
  const run = start(t);
  // The log of the process that is started last but one: those before it serve by then.
  const log = join(stateFolder, 'logs', 'control-plane.log');
  const before = statSync(log).ino;
  while (statSync(log, { throwIfNoEntry: false })?.ino === before) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  run.child.kill('SIGINT');
  assert.equal(await run.ended, 0);
  assert.doesNotMatch(run.output(), /respool is ready/);
  assert.match(run.output(), /nats-server stopped/);
  await assertNothingListens();
});
