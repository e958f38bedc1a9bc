/** deploy/nats-server.conf says what an embedded start would: same users, same permissions. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { controlPlanePermissions, natsConfig } from './nats.ts';

const deployed = new URL('../../deploy/nats-server.conf', import.meta.url);

test('the configuration for docker compose is the embedded one with its passwords from outside', () => {
  const config = natsConfig({
    host: '0.0.0.0',
    port: 4222,
    monitorPort: 8222,
    storeFolder: '/data',
    proxyId: 'proxy-1',
    passwords: { controlPlane: '$CONTROL_PLANE_PASSWORD', proxy: '$PROXY_PASSWORD' },
  });
  // The server replaces a variable only where it is not quoted.
  const expected = config.replaceAll(/"(\$[A-Z_]+PASSWORD)"/g, '$1');
  const [, ...lines] = readFileSync(deployed, 'utf8').split('\n');
  assert.equal(lines.join('\n'), expected);
});

test('a control plane may not update, purge or delete the log', () => {
  const { publish } = controlPlanePermissions();
  const onLog = publish.filter((subject) => /respool_log/.test(subject));
  assert.deepEqual(
    onLog.filter((subject) => /UPDATE|PURGE|DELETE|SNAPSHOT|RESTORE/.test(subject)),
    [],
  );
  assert.deepEqual(
    publish.filter((subject) => subject.startsWith('$JS.API.>') || subject === '>'),
    [],
  );
});
