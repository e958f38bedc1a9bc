/** TLS and passwords towards a real broker: what is let in, and what is told when it is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import type { KafkaBackend } from '@respool/contracts/entities';
import { assertFails, fetchOf, newTopic, Producer, soon, textsOf } from '../conformance/rig.ts';
import { gatewayTo, useKafka } from '../test/kafka.ts';
import type { DialOptions, KafkaLogin, KafkaTls } from './dial.ts';
import { openGateway } from './open.ts';

const folder = mkdtempSync(join(tmpdir(), 'respool-kafka-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const certificate = makeCertificate('IP:127.0.0.1,DNS:kafka.test');
const keyStoreFile = join(folder, 'store.pem');
writeFileSync(keyStoreFile, certificate.key + certificate.text);
const security = { keyStoreFile, users: { ann: 'p4ss-w0rd' } };
const cluster = useKafka({ security }, async () => async () => {});

const tls: KafkaTls = {
  authority: certificate.text,
  serverName: null,
  verify: true,
  clientCertificate: null,
};

function login(mechanism: KafkaLogin['mechanism'], word = security.users.ann): KafkaLogin {
  return { mechanism, username: 'ann', password: word };
}

async function tryTopics(dial: Partial<DialOptions>, deadlineMs = soon) {
  const gateway = gatewayTo(cluster().securedBootstrap, { dial });
  try {
    return await gateway.topics(deadlineMs);
  } finally {
    await gateway.close();
  }
}

test('writes and reads over TLS with every kind of password', async () => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const gateway = gatewayTo(cluster().securedBootstrap, {
      dial: { tls, login: login(mechanism) },
    });
    try {
      const where = { topic: await newTopic(gateway), partition: 0 };
      await (await Producer.open(gateway, where)).write(mechanism);
      const fetched = await gateway.fetchAt(fetchOf(where, 0), soon);
      assert.deepEqual(textsOf(fetched), [`0 ${mechanism}`]);
    } finally {
      await gateway.close();
    }
  }
});

test('says at once that a password is wrong, without telling it', async () => {
  const wrong = "wrong,=';# word";
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const dial = { tls, login: login(mechanism, wrong) };
    const error = await assertFails(tryTopics(dial), 'authentication-failed');
    assert(!error.message.includes(wrong), error.message);
  }
});

test('trusts no certificate it was not told to trust', async () => {
  const stranger = { ...tls, authority: null };
  const dial = { tls: stranger, login: login('PLAIN') };
  await assertFails(tryTopics(dial), 'authentication-failed');
  await tryTopics({ ...dial, tls: { ...stranger, verify: false } });
});

test('a backend as it is configured leads there, and one without its password nowhere', async () => {
  const [host = '', port] = (cluster().securedBootstrap[0] ?? '').split(':');
  const { authority, serverName, verify } = tls;
  const spec = {
    ...{ id: 'queues', description: '', kind: 'kafka', bootstrap: [{ host, port: Number(port) }] },
    ...{ sasl: 'scram-sha-512', username: 'ann', password: null },
    tls: { authority, serverName, verify },
  } as unknown as KafkaBackend;
  const dial = { clientId: 'respool-test', connectMsMax: 3_000, requestMsMax: 5_000 };
  const services = { ...dial, clock: systemClock, random: Math.random };
  const gateway = openGateway(spec, security.users.ann, services);
  await gateway.topics(soon);
  await gateway.close();
  assert.throws(() => openGateway(spec, null, services), /scram-sha-512 needs a user name and/);
});

test('holds the certificate against the name it was told', async () => {
  const named = { ...tls, serverName: 'kafka.test' };
  await tryTopics({ tls: named, login: login('PLAIN') });
  const other = { ...tls, serverName: 'other.test' };
  await assertFails(tryTopics({ tls: other, login: login('PLAIN') }), 'authentication-failed');
});

test('says that the broker wants TLS, and ends when it wants a password', async () => {
  await assertFails(tryTopics({ login: login('PLAIN') }), 'authentication-failed');
  await assertFails(tryTopics({}), 'refused');
  // Asked without a login the broker only hangs up, as one that is about to stop does.
  await assertFails(tryTopics({ tls }, 1_000), 'deadline');
});

function makeCertificate(names: string): { readonly key: string; readonly text: string } {
  const [key, text] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const whose = ['-days', '2', '-subj', '/CN=respool test', '-addext', `subjectAltName=${names}`];
  const files = ['-keyout', key, '-out', text];
  execFileSync('openssl', ['req', '-x509', ...kind, ...whose, ...files], { stdio: 'ignore' });
  return { key: readFileSync(key, 'utf8'), text: readFileSync(text, 'utf8') };
}
