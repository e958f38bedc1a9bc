/** Clients that send slowly, too much, or by a method nobody serves: each is answered in time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { pino } from 'pino';
import { apiToken, memoryStage } from '../../test/api.ts';
import { MemoryLog } from '../log/memory.ts';
import { Proxies } from '../views/proxies.ts';
import { createHttp } from './http.ts';
import { planeMetrics } from './metrics.ts';
import { ApiTokens } from './tokens.ts';

const msMax = 300;

/** Port of an API whose requests must be over within `answerMsMax`, and what ends it. */
async function serve(t: TestContext, answerMsMax: number) {
  const stage = await memoryStage(new MemoryLog());
  const proxies = new Proxies(systemClock);
  const metrics = planeMetrics({ stage: () => stage, proxies });
  const tokens = new ApiTokens();
  tokens.add('operator', apiToken);
  const none = () => null;
  const plane = { stage: () => stage, audit: none, notices: none, proxies, tokens, metrics };
  const app = await createHttp(
    { ...plane, changeMsMax: 200 },
    pino({ level: 'silent' }),
    answerMsMax,
  );
  t.after(async () => {
    await app.close();
    await stage.follower.stop();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

async function listen(t: TestContext, answerMsMax = msMax): Promise<number> {
  return (await serve(t, answerMsMax)).port;
}

/** Sends `text`, then a byte each 20 ms; resolves with all that was answered once it is closed. */
function dribble(port: number, text: string, byte: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    const drip = setInterval(() => socket.write(byte), 20);
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    // The other side does not wait for the rest of the request.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(drip);
      resolve(said);
    });
  });
}

const head = `PUT /v1/tenants/acme HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiToken}\r\n`;

test('a body that dribbles in is answered at the deadline and its connection closed', async (t) => {
  const port = await listen(t);
  const type = 'content-type: application/json\r\ncontent-length: 100000\r\n\r\n';
  const said = await dribble(port, head + type, ' ');
  assert.match(said, /^HTTP\/1\.1 503 /);
  assert.match(said, /"code":"request-deadline"/);
  assert.equal(said.match(/HTTP\/1\.1/g)?.length, 1);
});

test('headers that dribble in are answered at the deadline and their connection closed', async (t) => {
  const port = await listen(t);
  const said = await dribble(port, head, 'x');
  assert.match(said, /^HTTP\/1\.1 408 /);
  assert.match(said, /"code":"request-deadline"/);
});

test('a method nobody serves is refused by name, on a connection of its own too', async (t) => {
  const port = await listen(t, 10_000);
  for (const method of ['OPTIONS', 'PROPFIND', 'TRACE']) {
    const request = `${head.replace('PUT', method)}connection: close\r\n\r\n`;
    const said = await dribble(port, request, '');
    assert.match(said, /^HTTP\/1\.1 (405|404) /, method);
    assert.match(said, /"code":"(method-not-allowed|not-found)"/, method);
  }
});

test('what is under way as the server stops is answered, and its connection is not kept', async (t) => {
  const { port, close } = await serve(t, 10_000);
  const body = JSON.stringify({ isolation: { mode: 'dedicated' } });
  const type = `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let said = '';
  const continued = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    said += chunk.toString();
    continued.resolve();
  });
  const ended = once(socket, 'end');
  // Told to go on, the client knows that its request was taken in.
  socket.write(`${head}${type}expect: 100-continue\r\n\r\n`);
  await continued.promise;
  const closed = close();
  socket.write(body);
  await Promise.all([ended, closed]);
  assert.match(said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 20[01] /);
  assert.match(said, /\r\nconnection: close\r\n/i);
});
