/** A server that goes in the middle of a reply that names keys: one client pays, nobody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { HotPath } from '../test/hot-path.ts';
import { TestClient } from '../test/test-client.ts';

let server: Server;
let path: HotPath;
/** What the server says of a reply before it goes; null once it goes on serving. */
let beginning: string | null = null;

before(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => answer(socket, bytes.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  path = await HotPath.start({
    backends: { one: { nodes: [{ port }] } },
    tenants: {
      one: { backend: 'one', isolation: { mode: 'prefix', prefix: 'p:' } },
      two: { backend: 'one', isolation: { mode: 'prefix', prefix: 'q:' } },
    },
  });
});
after(async () => {
  await path.stop();
  server.close();
});

function answer(socket: Socket, requests: string): void {
  for (const request of requests.split(/(?=\*\d+\r\n\$)/)) {
    if (!/LMPOP|XREAD/.test(request))
      socket.write(/COMMAND/.test(request) ? '*0\r\n' : '+PONG\r\n');
    else if (beginning === null) socket.write('*-1\r\n');
    else {
      socket.end(beginning);
      beginning = null;
      return;
    }
  }
}

async function login(tenant: string): Promise<TestClient> {
  const client = await TestClient.connect(path.port);
  assert.equal(await client.text('AUTH', tenant, ''), '+OK\r\n');
  return client;
}

const pieces = [
  '*2\r\n',
  '*2\r\n$3\r\n',
  '*1\r\n*2\r\n',
  '*1\r\n*2\r\n$3\r\np:k\r\n*1\r\n*2\r\n$3\r\n1',
];

for (const piece of pieces) {
  for (const command of ['LMPOP 1 k LEFT', 'XREAD STREAMS k 0']) {
    test(`${command} cut behind ${JSON.stringify(piece)} costs its client the connection, no other`, async () => {
      const [client, other] = [await login('one'), await login('two')];
      const closed = once(client.socket, 'close');
      beginning = piece;
      client.send(command.split(' '));
      await closed;
      assert.equal(await other.text('GET', 'x'), '+PONG\r\n');
      assert.deepEqual(path.failures, []);
      other.close();
    });
  }
}
