/** Given who asks, when a command of Redis’s table comes, then it is admitted or refused, and how. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treatmentOf } from '@respool/contracts/commands/treatment';
import { commands, Flag } from '../command/command.ts';
import type { UserView } from '../state.ts';
import { commandOf } from '../test/commands.ts';
import { admit } from './policy.ts';

const writer = { readOnly: false } as UserView;
const reader = { readOnly: true } as UserView;

/** The command with as many arguments as its arity wants at least. */
function fitting(name: string, arity: number): ReturnType<typeof commandOf> {
  const words = name.split('|');
  while (words.length < Math.abs(arity)) words.push('1');
  return commandOf(...words);
}

const said = (refusal: Buffer | null): string | null => refusal?.toString('latin1') ?? null;

test('given nobody, every command is refused but those Redis marks no_auth', () => {
  for (const facts of commands) {
    if (facts.subcommands !== null) continue;
    const refusal = said(admit({ user: null }, fitting(facts.name, facts.arity)));
    const open = (facts.flags & Flag.no_auth) !== 0;
    if (open) assert.equal(refusal, null, facts.name);
    else assert.equal(refusal, '-NOAUTH Authentication required.\r\n', facts.name);
  }
});

test('given a read-only user, every write of the table is refused and every read served is not', () => {
  for (const facts of commands) {
    if (facts.subcommands !== null) continue;
    const command = fitting(facts.name, facts.arity);
    const refusal = said(admit({ user: reader }, command));
    const served = treatmentOf(facts).kind !== 'refused';
    const script = ['eval', 'evalsha', 'fcall'].includes(facts.name);
    const writes = (facts.flags & Flag.write) !== 0 || script;
    if (served && !writes) assert.equal(refusal, null, facts.name);
    else assert.notEqual(refusal, null, facts.name);
    if (served && writes) assert.match(refusal as string, /^-NOPERM /, facts.name);
  }
});

test('given a writer, exactly what the proxy serves is admitted', () => {
  for (const facts of commands) {
    if (facts.subcommands !== null) continue;
    const refusal = said(admit({ user: writer }, fitting(facts.name, facts.arity)));
    const served = treatmentOf(facts).kind !== 'refused';
    assert.equal(refusal === null, served, `${facts.name}: ${refusal}`);
  }
});

test('given a wrong number of arguments, that is said before anything about permission', () => {
  for (const user of [null, reader, writer]) {
    assert.match(said(admit({ user }, commandOf('SET', 'a')))!, /^-ERR wrong number of arg.*'set'/);
  }
});

test('given an unknown command, its words are quoted on one line', () => {
  const refusal = said(admit({ user: writer }, commandOf('NO\r\nSUCH', 'a', 'b\r\n+OK')))!;
  assert.match(refusal, /^-ERR unknown command 'NO {2}SUCH', with args beginning with: 'a' /);
  assert.equal(refusal.indexOf('\r\n'), refusal.length - 2);
  assert.match(
    said(admit({ user: writer }, commandOf('OBJECT', 'NONE')))!,
    /^-ERR unknown subcomm/,
  );
});
