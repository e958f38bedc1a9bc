/** When commands leave for their server: at the end of the turn, or a little later, with others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Run } from '../../command/run.ts';
import { FakeSocket, FakeTaker, meter } from '../../test/fakes.ts';
import { Turn } from '../../turn.ts';
import { RedisConnection } from './connection.ts';
import type { Wire } from './wire.ts';

/** A connection that stands, to a server that answers when the test says. */
class Rig {
  readonly socket = new FakeSocket();
  readonly wire = { socket: this.socket, giveUpBuffer() {} } as unknown as Wire;
  readonly connection: RedisConnection;
  /** Of each command that was given back: whether its server may have executed it. */
  readonly sent: boolean[] = [];

  constructor() {
    const dial = () => Promise.resolve(this.wire);
    const unanswered = (_run: Run, _request: Buffer, sent: boolean) => void this.sent.push(sent);
    const owner = { redirected() {}, changed() {}, unanswered };
    this.connection = new RedisConnection('server:6379', owner, new Turn(), dial);
  }

  /** Clients of their own, each with one command. */
  send(...words: string[]): void {
    for (const word of words) {
      const bytes = Buffer.from(`*1\r\n$${word.length}\r\n${word}\r\n`);
      this.connection.send(new FakeTaker(), 0, meter, bytes, 0, bytes.length, 1);
    }
  }

  /** What the server has. */
  get words(): string {
    return this.socket.taken.replaceAll(/\*1\r\n\$\d+\r\n|\r\n/g, '');
  }

  answer(count: number): void {
    const bytes = Buffer.from('+OK\r\n'.repeat(count));
    this.wire.onBytes(bytes, 0, bytes.length);
  }

  static async standing(): Promise<Rig> {
    const rig = new Rig();
    rig.connection.connect();
    await nextTurn();
    return rig;
  }
}

const eight = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

test('what one turn brings leaves at its end, in one write', async () => {
  const rig = await Rig.standing();
  rig.send(...eight);
  await nextTurn();
  assert.deepEqual([rig.words, rig.socket.writes], ['abcdefgh', 1]);
});

test('while the server has work, few commands wait two turns for others', async () => {
  const rig = await Rig.standing();
  rig.send(...eight);
  await nextTurn();
  rig.send('i');
  await nextTurn();
  rig.send('j');
  await nextTurn();
  assert.equal(rig.socket.writes, 1);
  rig.send('k');
  await nextTurn();
  assert.deepEqual([rig.words, rig.socket.writes], ['abcdefghijk', 2]);
});

test('they leave at once when the server has little to do, or when they are not few', async () => {
  const rig = await Rig.standing();
  rig.send(...eight);
  await nextTurn();
  rig.answer(3);
  rig.send('i');
  await nextTurn();
  assert.equal(rig.socket.writes, 2, 'six are open');
  rig.send('j', 'k', 'l'.repeat(4_096));
  await nextTurn();
  assert.equal(rig.socket.writes, 3, 'a write of its own is worth it');
});

test('they leave at once when all that was sent is answered', async () => {
  const rig = await Rig.standing();
  rig.send(...eight);
  await nextTurn();
  rig.answer(8);
  rig.send(...eight, 'i');
  await nextTurn();
  assert.equal(rig.socket.writes, 2);
});

test('a connection that ends gives back what waited as never sent', async () => {
  const rig = await Rig.standing();
  rig.send(...eight);
  await nextTurn();
  rig.send('i');
  await nextTurn();
  rig.wire.onClose('gone');
  assert.deepEqual(rig.sent, [...eight.map(() => true), false]);
});
