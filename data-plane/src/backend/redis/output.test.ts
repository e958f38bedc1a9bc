/** Chunks are kept while owed, reused when not, and leave in the order they were filled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptMemory } from '../../memory-pool.ts';
import { FakeSocket } from '../../test/fakes.ts';
import { Output } from './output.ts';

function fill(output: Output, text: string): ReturnType<Output['room']> {
  const chunk = output.room(text.length);
  chunk.length += chunk.buffer.write(text, chunk.length, 'latin1');
  chunk.owed++;
  return chunk;
}

test('what was gathered leaves in one write, and nothing leaves twice', () => {
  const [output, socket] = [new Output(), new FakeSocket()];
  fill(output, 'one ');
  fill(output, 'two ');
  output.flush(socket.asSocket());
  output.flush(socket.asSocket());
  fill(output, 'three');
  output.flush(socket.asSocket());
  assert.deepEqual([socket.taken, socket.writes], ['one two three', 2]);
});

test('memory is used again only once all that stands in it was answered', () => {
  const [output, socket] = [new Output(), new FakeSocket()];
  const first = fill(output, 'aaaa');
  output.flush(socket.asSocket());
  const second = fill(output, 'bbbb');
  assert.equal(second, first);
  assert.equal(first.buffer.toString('latin1', 0, 8), 'aaaabbbb');
  output.flush(socket.asSocket());
  output.release(first);
  fill(output, 'cccc');
  assert.equal(first.buffer.toString('latin1', 0, 12), 'aaaabbbbcccc');
  output.flush(socket.asSocket());
  output.release(first);
  output.release(first);
  assert.equal(output.room(1).length, 0, 'the quiet connection begins at the front again');
});

test('a quiet connection keeps no memory of a large command', () => {
  const [output, socket] = [new Output(), new FakeSocket()];
  const small = fill(output, 'small');
  const large = fill(output, 'x'.repeat(1_000_000));
  output.flush(socket.asSocket());
  output.release(small);
  assert.equal(output.chunk, large, 'it is kept while owed');
  output.release(large);
  assert.ok(output.chunk.buffer.length < 1_000_000);
  fill(output, 'next');
  output.flush(socket.asSocket());
  assert.ok(socket.taken.endsWith('xnext'));
});

test('chunks filled before the connection stands leave in order, small and large', () => {
  const [output, socket] = [new Output(), new FakeSocket()];
  const texts = ['a'.repeat(100_000), 'b'.repeat(100_000), 'c'.repeat(500_000), 'd'];
  for (const text of texts) fill(output, text);
  output.flush(socket.asSocket());
  assert.equal(socket.taken, texts.join(''));
});

test('two outputs that begin empty share nothing', () => {
  const [left, right] = [new Output(), new Output()];
  fill(left, 'left');
  const socket = new FakeSocket();
  right.flush(socket.asSocket());
  assert.equal(socket.taken, '');
  left.reset();
  left.flush(socket.asSocket());
  assert.equal(socket.taken, '');
});

test('memory that was answered serves others only once the socket has let go of it', () => {
  const [output, socket] = [new Output(), new FakeSocket()];
  const before = keptMemory();
  socket.open = false;
  const chunks = ['a', 'b'].map((word) => {
    const chunk = fill(output, word.repeat(200_000));
    output.flush(socket.asSocket());
    return chunk;
  });
  for (const chunk of chunks) output.release(chunk);
  assert.equal(keptMemory(), before, 'answered before it was read');
  socket.drain();
  const third = fill(output, 'c'.repeat(200_000));
  output.flush(socket.asSocket());
  socket.drain();
  output.release(third);
  assert.equal(keptMemory() - before, 3 * third.buffer.length);
  assert.equal(socket.taken.length, 600_000);
});
