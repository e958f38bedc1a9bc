/** What a ledger makes of what clients wrote down: whose doing a repeat is, and what came late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sights } from './sights.ts';

/** Lines of one span each, as workers write them. */
function told(...spans: readonly string[][]): Sights {
  const sights = new Sights();
  for (const [span, lines] of spans.entries()) {
    for (const line of lines) {
      const [what, connection = '', partition, offset, content = ''] = line.split(' ');
      if (what === 'asked') sights.asked(connection, Number(content), span);
      else if (what === 'nothing') sights.nothing(connection, content);
      else if (what === 'settled') sights.settled(connection);
      else
        sights.popped(connection, {
          content,
          partition: Number(partition),
          offset: Number(offset),
          span,
        });
    }
  }
  return sights;
}

test('a repeat is its client’s doing when the client ended before its next answer', () => {
  const again = ['asked b.0 - - 1', 'popped b.0 0 0 x', 'asked b.0 - - 1', 'settled b.0 - - -'];
  const left = told(['asked a.0 - - 1', 'popped a.0 0 0 x', 'asked a.0 - - 1', ...again]);
  assert.equal(left.spans(1)[0]?.repeats, 0);
  const stayed = ['asked a.0 - - 1', 'popped a.0 0 0 x', 'asked a.0 - - 1', 'settled a.0 - - -'];
  const spans = told(stayed, again).spans(2);
  assert.deepEqual(
    spans.map(({ repeats }) => repeats),
    [0, 1],
  );
});

test('the next answer settles the records before it, not those it brings', () => {
  const sights = told([
    ...['asked a.0 - - 1', 'popped a.0 0 0 x', 'asked a.0 - - 1'],
    ...['settled a.0 - - -', 'popped a.0 0 1 y'],
    ...['asked b.0 - - 1', 'popped b.0 0 1 y'],
  ]);
  assert.equal(sights.spans(1)[0]?.repeats, 0);
});

test('what comes after a later record is late, over all connections of a client', () => {
  const sights = told([
    ...['asked a.0 - - 2', 'popped a.0 0 5 x', 'popped a.0 1 9 y'],
    ...['asked a.1 - - 2', 'popped a.1 0 4 z', 'popped a.1 1 10 w'],
    ...['asked b.0 - - 1', 'popped b.0 0 3 v'],
  ]);
  assert.equal(sights.spans(1)[0]?.late, 1);
  assert.deepEqual(sights.disorder, []);
});

test('within one answer nothing is out of order', () => {
  const sights = told([
    ...['asked a.0 - - 3', 'popped a.0 0 5 x', 'popped a.0 1 1 y', 'popped a.0 0 4 z'],
  ]);
  assert.deepEqual(sights.disorder, ['a.0: 0 4 after 5']);
});

test('what is asked for counts as unread until there is an answer other than to try again', () => {
  const sights = told([
    ...['asked a.0 - - 2', 'nothing a.0 - - empty', 'asked a.0 - - 3', 'nothing a.0 - - again'],
    ...['asked a.0 - - 4', 'popped a.0 0 0 x', 'asked a.0 - - 5'],
  ]);
  assert.equal(sights.spans(1)[0]?.unread, 8);
});
