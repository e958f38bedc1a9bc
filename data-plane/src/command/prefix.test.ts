/** The prefix writers against the plain way: change the words, then encode. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Meter } from '../observe/meter.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { RequestFrame, scanRequest, unlimited } from '../resp/request-scanner.ts';
import { commandOf } from '../test/commands.ts';
import { writeFirstKeyPrefixed, writePrefixed } from './prefix.ts';
import { newRun, type ReplyTaker } from './run.ts';
import type { UpstreamConnection } from './upstream.ts';

/** Room that begins somewhere, exactly as large as was asked for. */
class Room implements UpstreamConnection {
  readonly address = 'room:1';
  cursor = 0;
  #buffer = Buffer.alloc(0);
  constructor(cursor: number) {
    this.cursor = cursor;
  }
  send(): void {}
  reserve(size: number): Buffer {
    this.#buffer = Buffer.alloc(this.cursor + size);
    return this.#buffer;
  }
  commit(taker: ReplyTaker, family: number, meter: Meter): ReturnType<typeof newRun> {
    return newRun(taker, family, meter, 0);
  }
  written(end: number): string {
    assert.ok(end <= this.#buffer.length, 'what was written fits the room');
    return this.#buffer.toString('latin1', this.cursor, end);
  }
}

const word = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ minLength: 90, maxLength: 130 }),
);
const prefix = fc.stringMatching(/^[A-Za-z0-9:._-]{1,64}$/).map((text) => Buffer.from(text));

test('a first key is prefixed as if the command had been built so', () => {
  fc.assert(
    fc.property(word, fc.array(word, { maxLength: 4 }), prefix, fc.nat(40), (key, rest, p, at) => {
      const bytes = Buffer.concat([Buffer.from('noise'), encodeRequest(['GET', key, ...rest])]);
      const frame = new RequestFrame();
      const end = scanRequest(frame, bytes, 5, bytes.length, unlimited);
      const room = new Room(at);
      const { firstStart, firstEnd } = frame;
      const written = writeFirstKeyPrefixed(room, p, bytes, 5, firstStart, firstEnd, end);
      const expected = encodeRequest(['GET', Buffer.concat([p, key]), ...rest]);
      assert.equal(room.written(written), expected.toString('latin1'));
    }),
  );
});

test('any keys among any arguments are prefixed, and nothing else is touched', () => {
  const marked = fc.array(fc.tuple(word, fc.boolean()), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(marked, prefix, fc.nat(40), (args, p, at) => {
      const command = commandOf('MSET', ...args.map(([bytes]) => bytes));
      const keys = args.flatMap(([, isKey], index) => (isKey ? [index + 1] : []));
      const room = new Room(at);
      const written = writePrefixed(room, p, command, Int32Array.from(keys), keys.length);
      const words = args.map(([bytes, isKey]) => (isKey ? Buffer.concat([p, bytes]) : bytes));
      assert.equal(room.written(written), encodeRequest(['MSET', ...words]).toString('latin1'));
    }),
  );
});
