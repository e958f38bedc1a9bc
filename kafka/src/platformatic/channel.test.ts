/** The way to one broker: what waits together leaves together, and nothing is forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Connection } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import { KafkaError } from '../kafka-error.ts';
import { Channel, type Work } from './channel.ts';

class Letter implements Work {
  readonly name: string;
  readonly attempt: { -readonly [Key in keyof Attempt]: Attempt[Key] } = {
    deadlineAtMs: 0,
    isOver: false,
    markSent() {},
  };
  failure: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  fail({ code }: KafkaError): void {
    this.failure = code;
  }
}

interface Sending {
  readonly names: string;
  readonly connection: number;
  done(): void;
}

/** Connections that know only whether they are open; requests that end when the test says so. */
class Rig {
  readonly sending: Sending[] = [];
  readonly open: { isOpen: boolean }[] = [];
  dialFailure: KafkaError | null = null;
  readonly channel: Channel<Letter>;

  constructor(given: { connectionsMax?: number; waitingMax?: number; perRequest?: number } = {}) {
    const { connectionsMax = 1, waitingMax = 100, perRequest = 10 } = given;
    this.channel = new Channel<Letter>({
      connectionsMax,
      waitingMax,
      dial: () => this.#dial(),
      pick: (waiting) => waiting.splice(0, perRequest),
      send: (connection, letters) => this.#send(connection, letters),
    });
  }

  async submit(...names: string[]): Promise<Letter[]> {
    const letters = names.map((name) => new Letter(name));
    for (const letter of letters) this.channel.submit(letter);
    await settled();
    return letters;
  }

  /** Ends the request that was sent first, and drops its connection if told so. */
  async answer(breaks = false): Promise<string> {
    const first = this.sending.shift();
    assert(first !== undefined, 'nothing was sent');
    if (breaks) this.#close(first.connection);
    first.done();
    await settled();
    return first.names;
  }

  get sent(): string[] {
    return this.sending.map(({ names }) => names);
  }

  async #dial(): Promise<Connection> {
    if (this.dialFailure !== null) throw this.dialFailure;
    const index = this.open.push({ isOpen: true }) - 1;
    const connection = {
      isConnected: () => this.open[index]?.isOpen === true,
      socket: { destroy: () => this.#close(index) },
      index,
    };
    return connection as unknown as Connection;
  }

  #send(connection: Connection, letters: readonly Letter[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const names = letters.map(({ name }) => name).join(' ');
    const { index } = connection as unknown as { index: number };
    this.sending.push({ names, connection: index, done: resolve });
    return promise;
  }

  #close(index: number): void {
    const connection = this.open[index];
    if (connection !== undefined) connection.isOpen = false;
  }
}

/** All that promises have to do is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}

test('what comes while a request is under way leaves together in the next', async () => {
  const rig = new Rig();
  await rig.submit('a');
  await rig.submit('b');
  await rig.submit('c', 'd');
  assert.deepEqual(rig.sent, ['a']);
  await rig.answer();
  assert.deepEqual(rig.sent, ['b c d']);
  assert.equal(rig.open.length, 1);
});

test('a request takes no more than was picked', async () => {
  const rig = new Rig({ perRequest: 2 });
  await rig.submit('a', 'b', 'c', 'd', 'e');
  assert.equal(await rig.answer(), 'a b');
  assert.equal(await rig.answer(), 'c d');
  assert.equal(await rig.answer(), 'e');
  assert.equal(rig.channel.isQuiet, true);
});

test('more connections are opened while more waits, up to the bound', async () => {
  const rig = new Rig({ perRequest: 1, connectionsMax: 2 });
  await rig.submit('a', 'b', 'c');
  assert.deepEqual(rig.sent, ['a', 'b']);
  await rig.answer();
  assert.deepEqual(rig.sent, ['b', 'c']);
  assert.equal(rig.open.length, 2);
});

test('a connection is used again, and one that broke is replaced', async () => {
  const rig = new Rig();
  await rig.submit('a');
  await rig.answer();
  await rig.submit('b');
  await rig.answer(true);
  await rig.submit('c');
  await rig.answer();
  assert.equal(rig.open.length, 2);
});

test('what waits behind a request that broke its connection goes over a new one', async () => {
  const rig = new Rig();
  await rig.submit('a');
  const [b] = await rig.submit('b');
  await rig.answer(true);
  assert.deepEqual(rig.sent, ['b']);
  assert.equal(b?.failure, null);
});

test('when no connection can be made everything that waits is told why', async () => {
  const rig = new Rig();
  rig.dialFailure = new KafkaError('broker-unreachable', 'no route');
  const letters = await rig.submit('a', 'b');
  assert.deepEqual(
    letters.map(({ failure }) => failure),
    ['broker-unreachable', 'broker-unreachable'],
  );
  rig.dialFailure = null;
  await rig.submit('c');
  assert.deepEqual(rig.sent, ['c']);
});

test('what nobody waits for any more is not sent', async () => {
  const rig = new Rig();
  await rig.submit('a');
  const [b] = await rig.submit('b', 'c');
  if (b !== undefined) b.attempt.isOver = true;
  await rig.answer();
  assert.deepEqual(rig.sent, ['c']);
});

test('beyond its bound it refuses, and what is over makes room', async () => {
  const rig = new Rig({ waitingMax: 2 });
  await rig.submit('a');
  const [b] = await rig.submit('b', 'c');
  const [d] = await rig.submit('d');
  assert.equal(d?.failure, 'overloaded');
  if (b !== undefined) b.attempt.isOver = true;
  const [e] = await rig.submit('e');
  assert.equal(e?.failure, null);
});

test('a close ends what waits and every connection', async () => {
  const rig = new Rig();
  await rig.submit('a');
  const [b] = await rig.submit('b');
  rig.channel.close();
  assert.equal(b?.failure, 'closed');
  assert.equal(rig.open[0]?.isOpen, false);
  await rig.answer();
  const [c] = await rig.submit('c');
  assert.equal(c?.failure, 'closed');
});
