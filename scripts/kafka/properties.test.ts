/** What a node's server.properties say: who it is, where it listens, and whom it lets in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeOptions, scramArguments, serverProperties } from './properties.ts';

const ports = [1, 2, 3].map((id) => {
  return { plain: id * 10, controller: id * 10 + 1, secured: id * 10 + 2 };
});
const options: NodeOptions = { id: 1, folder: '/f', ports, security: null, settings: {} };

function read(given: Partial<NodeOptions>): ReadonlyMap<string, string> {
  const lines = serverProperties({ ...options, ...given })
    .trimEnd()
    .split('\n');
  return new Map(
    lines.map((line) => {
      const [name = '', ...value] = line.split('=');
      return [name, value.join('=')];
    }),
  );
}

test('each node names itself and all voters', () => {
  const second = read({ id: 2 });
  assert.equal(second.get('node.id'), '2');
  const voters = '1@127.0.0.1:11,2@127.0.0.1:21,3@127.0.0.1:31';
  assert.equal(second.get('controller.quorum.voters'), voters);
  assert.equal(second.get('listeners'), 'PLAIN://127.0.0.1:20,CONTROLLER://127.0.0.1:21');
});

test('a single node asks for one replica, three for two in sync', () => {
  const [alone, three] = [read({ ports: ports.slice(0, 1) }), read({})];
  assert.equal(alone.get('default.replication.factor'), '1');
  assert.equal(alone.get('min.insync.replicas'), '1');
  assert.equal(three.get('offsets.topic.replication.factor'), '3');
  assert.equal(three.get('min.insync.replicas'), '2');
});

test('the secured listener speaks as it is told, and brokers stay among themselves', () => {
  const security = { keyStoreFile: '/f/store.pem', users: { ann: 'secret' } };
  const both = read({ security });
  const map = both.get('listener.security.protocol.map');
  assert.equal(map, 'CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,SECURED:SASL_SSL');
  assert.equal(both.get('inter.broker.listener.name'), 'PLAIN');
  assert.match(both.get('listener.name.secured.plain.sasl.jaas.config') ?? '', /user_ann="secret"/);
  assert.deepEqual(scramArguments(security), [
    ...['--add-scram', 'SCRAM-SHA-256=[name=ann,password=secret]'],
    ...['--add-scram', 'SCRAM-SHA-512=[name=ann,password=secret]'],
  ]);
  const tls = read({ security: { keyStoreFile: '/f/store.pem' } });
  assert.match(tls.get('listener.security.protocol.map') ?? '', /SECURED:SSL$/);
});

test('settings of the caller win, and cannot smuggle in a second one', () => {
  assert.equal(read({ settings: { 'num.partitions': '7' } }).get('num.partitions'), '7');
  assert.throws(() => read({ settings: { 'num.partitions': '7\nprocess.roles=broker' } }), /line/);
});
