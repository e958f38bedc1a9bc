/** SLOWLOG as Redis answers it, confined to a tenant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observe, observeLimits, otherTenants } from './observe.ts';
import { answerSlowLog, type SlowCommand, SlowLog } from './slow-log.ts';

const words = (...parts: string[]) => parts.map((part) => Buffer.from(part));

function slow(tenant: string, args: Buffer[]): SlowCommand {
  return {
    tenant,
    args,
    at: 1_700_000_000,
    durationUs: 20_000,
    clientAddress: '127.0.0.1:5000',
    clientName: '',
  };
}

test('GET shows the newest first, ten unless told, all for -1', () => {
  const log = new SlowLog(observeLimits);
  for (let n = 0; n < 12; n++) log.record(slow('a', words('GET', `k${n}`)));
  const ids = (args: Buffer[]) => {
    const answer = answerSlowLog(log, 'a', args);
    assert.equal(answer.kind, 'entries');
    return answer.kind === 'entries' ? answer.entries.map((entry) => entry.id) : [];
  };
  assert.deepEqual(ids(words('GET')), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
  assert.deepEqual(ids(words('get', '2')), [11, 10]);
  assert.deepEqual(ids(words('GET', '0')), []);
  assert.equal(ids(words('GET', '-1')).length, 12);
});

test('a tenant sees, counts and resets its own entries only', () => {
  const log = new SlowLog(observeLimits);
  log.record(slow('a', words('GET', 'x')));
  log.record(slow('b', words('GET', 'y')));
  assert.deepEqual(answerSlowLog(log, 'b', words('LEN')), { kind: 'length', length: 1 });
  assert.equal(log.get('b', -1)[0]?.id, 0);
  assert.deepEqual(answerSlowLog(log, 'b', words('RESET')), { kind: 'ok' });
  assert.equal(log.length('b'), 0);
  assert.equal(log.length('a'), 1);
});

test('arguments are copied and cut with the words Redis uses', () => {
  const log = new SlowLog(observeLimits);
  const reused = Buffer.alloc(200, 'x');
  log.record(slow('a', [Buffer.from('SET'), Buffer.from('k'), reused]));
  reused.fill('y');
  assert.equal(log.get('a', 1)[0]?.args[2]?.toString(), `${'x'.repeat(128)}... (72 more bytes)`);
  log.record(slow('a', words('DEL', ...Array.from({ length: 40 }, (_, n) => `k${n}`))));
  const args = log.get('a', 1)[0]?.args ?? [];
  assert.equal(args.length, 32);
  assert.equal(args[31]?.toString(), '... (10 more arguments)');
});

test('secrets are never kept', () => {
  const log = new SlowLog(observeLimits);
  log.record(slow('a', words('auth', 'user', 'secret')));
  log.record(slow('a', words('HELLO', '3', 'AUTH', 'user', 'secret')));
  assert.equal(log.length('a'), 0);
});

test('a full log takes from the tenant that has most', () => {
  const log = new SlowLog({
    ...observeLimits,
    slowLogEntriesMax: 5,
    slowLogEntriesPerTenantMax: 4,
  });
  log.record(slow('quiet', words('GET', 'x')));
  for (let n = 0; n < 50; n++) log.record(slow('loud', words('GET', 'y')));
  log.record(slow('new', words('GET', 'z')));
  assert.deepEqual([log.length('quiet'), log.length('loud'), log.length('new')], [1, 3, 1]);
});

test('bad calls are refused in the words of Redis', () => {
  const log = new SlowLog(observeLimits);
  const message = (args: Buffer[]) => {
    const answer = answerSlowLog(log, 'a', args);
    return answer.kind === 'error' ? answer.message : answer.kind;
  };
  assert.equal(message(words('GET', '-2')), 'ERR count should be greater than or equal to -1');
  assert.equal(message(words('GET', 'ten')), 'ERR count should be greater than or equal to -1');
  assert.equal(
    message(words('LEN', '1')),
    "ERR wrong number of arguments for 'slowlog|len' command",
  );
  assert.equal(message(words('WHAT\r\n')), "ERR unknown subcommand 'WHAT  '. Try SLOWLOG HELP.");
  assert.equal(message([]), "ERR wrong number of arguments for 'slowlog' command");
});

test('tenants beyond the bound share one meter', () => {
  const observe = new Observe(['string'], { ...observeLimits, tenantsMax: 2 });
  const first = observe.meter('a');
  observe.meter('b');
  assert.equal(observe.meter('c').tenant, otherTenants);
  assert.equal(observe.meter('d'), observe.meter('c'));
  assert.equal(observe.meter('a'), first);
  assert.equal(observe.meters().length, 3);
  observe.forget('a');
  assert.notEqual(observe.meter('a'), first);
});
