/** What the page about the API says of live sessions, cell by cell, and how each cell is held to it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './embedded.ts';
import type { RawClient } from './raw-client.ts';
import { decodeReply, ReplyError, type Value } from './reply.ts';
import { within } from './until.ts';

/** A session that was in some situation when its user changed. */
export interface Affected {
  readonly session: RawClient;
  /** A name of its own, for keys and channels. */
  readonly key: string;
  /** Another user of the tenant, at the same proxy. */
  readonly bystander: RawClient;
  /** Has others do what it waits for, and looks that it hears of it. */
  readonly goesOn: (affected: Affected) => Promise<void>;
}

type Verdict = (affected: Affected) => Promise<void>;

/** As the page words a change, and what asks the API for it. */
export const changes: Readonly<Record<string, object>> = {
  'gets another secret': { op: 'patch', value: { secret: { password: 'another' } } },
  'is disabled': { op: 'patch', value: { enabled: false } },
  'is removed': { op: 'delete' },
  'is made read-only': { op: 'patch', value: { readOnly: true } },
};

/** What a cell of the page may say. */
const verdicts: Readonly<Record<string, Verdict>> = {
  ends: async ({ session }) => {
    await within(session.closed, 'the session to end');
    assert.deepEqual([session.waiting, session.pushes.length], [0, 0], 'it is told nothing more');
  },
  '`UNBLOCKED …`, then it ends': async ({ session }) => {
    assert.match(await nextError(session), /^UNBLOCKED the session ends/);
    await within(session.closed, 'the session to end');
    assert.equal(session.waiting, 0, 'what stood behind is not answered');
  },
  '`UNBLOCKED …`, then it goes on': async (affected) => {
    assert.match(await nextError(affected.session), /^UNBLOCKED this user may not run/);
    assert.match(await nextError(affected.session), /^NOPERM/, 'the write that stood behind');
    await readsOnly(affected);
  },
  'goes on; its writes are refused with `NOPERM`': async (affected) => {
    await readsOnly(affected);
  },
  'EXEC: `EXECABORT … NOPERM`': async (affected) => {
    const reply = await affected.session.ask('EXEC');
    assert.match(String(reply), /EXECABORT Transaction discarded because of: NOPERM/);
    await readsOnly(affected);
  },
  'EXEC executes them': async (affected) => {
    assert.deepEqual(await affected.session.ask('EXEC'), [null]);
    await readsOnly(affected);
  },
  'waits on': (affected) => affected.goesOn(affected),
  'hears on': (affected) => affected.goesOn(affected),
  'is told on': (affected) => affected.goesOn(affected),
};

export const known: readonly string[] = Object.keys(verdicts);

/** Holds a session to a cell of the page. */
export async function hold(cell: string, affected: Affected): Promise<void> {
  const verdict = verdicts[cell];
  assert.ok(verdict, `"${cell}" is known`);
  await verdict(affected);
}

/** By situation, then by change: what the page says. */
export function toldOfLiveSessions(): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const page = readFileSync(join(projectRoot, 'docs/reference/api.md'), 'utf8');
  const section = page.split('\n## ').find((text) => text.startsWith('Live sessions\n')) ?? '';
  const [head, , ...rows] = [...section.matchAll(/^\| (.+) \|$|^\|-.*$/gm)].map((line) =>
    (line[1] ?? '').split(' | '),
  );
  return new Map(
    rows.map(([situation = '', ...cells]) => {
      const said = Object.keys(changes).map((change) => {
        const words = change.replace(/^(?:gets|is) /, '');
        const columns = cells.filter((_, at) => head?.[at + 1]?.includes(words));
        assert.equal(columns.length, 1, `one column of the page is about "${change}"`);
        return [change, columns[0] as string];
      });
      return [situation, Object.fromEntries(said)];
    }),
  );
}

/** It still reads, and each kind of write is refused and leaves no trace. */
async function readsOnly({ session, key, bystander }: Affected): Promise<void> {
  const refused = await session.ask('SET', `refused:${key}`, 'x');
  assert.match(String(refused), /NOPERM/);
  assert.match(String(await session.ask('BLPOP', `refused:${key}`, 0)), /NOPERM/);
  const [begun, queued, executed] = await session.pipeline([
    ['MULTI'],
    ['SET', `refused:${key}`, 'x'],
    ['EXEC'],
  ]);
  assert.equal(begun, 'OK');
  assert.match(String(queued), /NOPERM/);
  assert.match(String(executed), /EXECABORT/);
  assert.equal(await session.ask('GET', `refused:${key}`), null);
  assert.equal(await bystander.ask('EXISTS', `refused:${key}`), 0);
}

export async function next(session: RawClient): Promise<Value> {
  const [reply] = await session.replies(1);
  assert.ok(reply);
  return decodeReply(reply);
}

async function nextError(session: RawClient): Promise<string> {
  const reply = await next(session);
  assert.ok(reply instanceof ReplyError, `an error, not ${String(reply)}`);
  return reply.message;
}
