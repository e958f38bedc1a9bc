/** Settings: defaults that work on one machine, and errors that name the variable. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings } from './settings.ts';

const env = {
  RESPOOL_API_TOKEN: 'token-of-the-operator',
  RESPOOL_MASTER_KEY: 'ab'.repeat(32),
};

test('a token and a master key are enough; the rest has defaults', () => {
  const { tokens, masterKey, ...rest } = readSettings(env);
  assert.equal(tokens.nameOf('Bearer token-of-the-operator'), 'admin');
  assert.equal(masterKey.length, 32);
  assert.deepEqual(rest, {
    ...{ apiHost: '127.0.0.1', apiPort: 7070, natsUrls: ['nats://127.0.0.1:4222'] },
    ...{ natsUser: null, natsPassword: null, natsMonitorUrls: ['http://127.0.0.1:8222'] },
    ...{ logReplicas: 1, logLevel: 'info', changeMsMax: 10_000 },
    kafkaMsMax: 5_000,
  });
});

test('several NATS servers are divided by commas', () => {
  const RESPOOL_NATS_URL = 'nats://a:4222, tls://b:4222';
  assert.deepEqual(readSettings({ ...env, RESPOOL_NATS_URL }).natsUrls, [
    'nats://a:4222',
    'tls://b:4222',
  ]);
});

test('a tokens file holds a name and a token a line', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'respool-tokens-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tokens');
  writeFileSync(path, '# operators\nann:0123456789abcdef\n\n bob:fedcba9876543210:with-colon\n');
  const { RESPOOL_MASTER_KEY } = env;
  const { tokens } = readSettings({ RESPOOL_MASTER_KEY, RESPOOL_API_TOKENS_FILE: path });
  assert.equal(tokens.nameOf('Bearer 0123456789abcdef'), 'ann');
  assert.equal(tokens.nameOf('bearer fedcba9876543210:with-colon'), 'bob');
  writeFileSync(path, 'ann 0123456789abcdef\n');
  assert.throws(
    () => readSettings({ RESPOOL_MASTER_KEY, RESPOOL_API_TOKENS_FILE: path }),
    /RESPOOL_API_TOKENS_FILE: line 1 is not name:token/,
  );
});

test('what is wrong is named by its variable, and no secret is repeated', () => {
  const wrong: Readonly<Record<string, string>> = {
    RESPOOL_API_PORT: '70700',
    RESPOOL_LOG_REPLICAS: '0',
    RESPOOL_LOG_LEVEL: 'loud',
    RESPOOL_NATS_URL: 'http://user:s3cret@host',
    RESPOOL_NATS_MONITOR_URL: 'nats://host',
    RESPOOL_NATS_USER: 'alone',
    RESPOOL_API_TOKENS_FILE: '/nonexistent/tokens',
    RESPOOL_API_TOKEN: 's3cret',
    RESPOOL_MASTER_KEY: 's3cret',
  };
  for (const [variable, value] of Object.entries(wrong)) {
    assert.throws(
      () => readSettings({ ...env, [variable]: value }),
      (error: Error) => error.message.includes(variable) && !error.message.includes('s3cret'),
      variable,
    );
  }
});

test('without any token nobody could use the API, so the start is refused', () => {
  const { RESPOOL_MASTER_KEY } = env;
  assert.throws(() => readSettings({ RESPOOL_MASTER_KEY }), /RESPOOL_API_TOKEN.*_TOKENS_FILE/);
});

test('two names cannot share one token', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'respool-tokens-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tokens');
  writeFileSync(path, `ann:${env.RESPOOL_API_TOKEN}\n`);
  assert.throws(() => readSettings({ ...env, RESPOOL_API_TOKENS_FILE: path }), /the same token/);
});
