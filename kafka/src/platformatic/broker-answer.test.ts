/** What brokers and sockets say, in our words: what passes by itself, and what may have happened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthenticationError, NetworkError, protocolErrors, UserError } from '@platformatic/kafka';
import { brokerError, connectionError, produceError } from './broker-answer.ts';

const codeOf = (name: string) => {
  const code = protocolErrors[name]?.code;
  assert(code !== undefined, `Kafka has no error ${name}`);
  return code;
};

test('a refusal keeps the name the broker gave it', () => {
  const error = brokerError(codeOf('POLICY_VIOLATION'), 'topic a', 'five replicas at least');
  assert.equal(error.message, 'topic a: POLICY_VIOLATION (five replicas at least)');
  assert.equal(error.code, 'topic-invalid');
});

test('brokers that are all fenced may come back; too few of them will not', () => {
  const of = (told: string) => {
    const error = brokerError(codeOf('INVALID_REPLICATION_FACTOR'), 'topic a', told);
    return [error.code, error.transient];
  };
  const unable = 'Unable to replicate the partition 1 time(s): ';
  const fenced = 'All brokers are currently fenced, or have all their log directories cordoned.';
  assert.deepEqual(of(unable + fenced), ['broker-busy', true]);
  const few = 'The target replication factor of 3 cannot be reached because only 1 broker(s) are';
  assert.deepEqual(of(`${unable}${few} registered.`), ['topic-invalid', false]);
});

test('an error of a broker newer than the library is a refusal with its number', () => {
  const error = brokerError(9_999, 'topic a');
  assert.deepEqual([error.code, error.message], ['refused', 'topic a: error 9999']);
});

test('errors that may come after the append leave the write in doubt, others do not', () => {
  const doubtful = [
    'NOT_LEADER_OR_FOLLOWER',
    'REQUEST_TIMED_OUT',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'UNKNOWN_SERVER_ERROR',
  ];
  for (const name of doubtful) {
    const error = produceError(codeOf(name), 'a', null);
    assert.deepEqual([error.mayHaveHappened, error.transient], [true, true], name);
  }
  const certain = ['NOT_ENOUGH_REPLICAS', 'MESSAGE_TOO_LARGE', 'OUT_OF_ORDER_SEQUENCE_NUMBER'];
  for (const name of certain) {
    assert.equal(produceError(codeOf(name), 'a', null).mayHaveHappened, false, name);
  }
});

test('a connection error is told by its innermost cause', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = connectionError(new NetworkError('Connection failed.', { cause: refused }));
  assert.equal(error.code, 'broker-unreachable');
  assert.equal(error.message, 'Connection failed.: connect ECONNREFUSED');
  assert.equal(error.transient, true);
});

test('a wrong password or certificate is not tried again', () => {
  const password = new AuthenticationError('SASL authentication failed.');
  const certificate = Object.assign(new Error('self-signed certificate'), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  for (const cause of [password, certificate]) {
    const error = connectionError(new NetworkError('Connection failed.', { cause }));
    assert.deepEqual([error.code, error.transient], ['authentication-failed', false]);
  }
  assert.equal(connectionError(new UserError('Broker requires TLS.')).code, 'refused');
});
