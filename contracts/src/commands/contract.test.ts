/** What becomes of commands, for tenants and users of every kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocking } from './blocking.ts';
import { contractOf, mayWrite, usual } from './contract.ts';
import { poppedThenPushed } from './emulated.ts';
import type { CommandFacts } from './facts.ts';
import { localNotes } from './local.ts';
import { newerRows } from './newer-commands.ts';
import { refusals } from './refusals.ts';
import { commands } from './table.ts';
import { goesAsItIs, treatmentOf } from './treatment.ts';

const runnable = commands.filter(({ subcommands }) => subcommands === null);
const modes = ['prefix', 'db', 'dedicated'] as const;
const backends = ['standalone', 'cluster'] as const;

function named(name: string): CommandFacts {
  const found = commands.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

test('each command is refused with a reason, and each emulation has its guarantee', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      for (const mode of modes) {
        const contract = contractOf(facts, usual(backend, mode));
        for (const share of [contract, contract.acrossSlots]) {
          const mustSay = share?.how === 'refused' || share?.how === 'emulated';
          if (mustSay) assert.notEqual(share.note, '', facts.name);
        }
        if (backend === 'standalone') assert.equal(contract.acrossSlots, null, facts.name);
      }
    }
  }
});

test('a tenant that shares its servers is never given more than one that does not', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      if (contractOf(facts, usual(backend, 'dedicated')).how !== 'refused') continue;
      for (const mode of modes) {
        assert.equal(contractOf(facts, usual(backend, mode)).how, 'refused', facts.name);
      }
    }
  }
});

test('the grant opens what is marked so on a standalone backend of the tenant’s own, and nothing else', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      for (const mode of modes) {
        const before = contractOf(facts, usual(backend, mode));
        const after = contractOf(facts, { ...usual(backend, mode), passThrough: true });
        const opens = goesAsItIs(facts) && backend === 'standalone' && mode === 'dedicated';
        if (opens) assert.equal(after.how, 'native', facts.name);
        else assert.deepEqual(after, before, facts.name);
      }
    }
  }
  for (const name of ['sync', 'psync', 'replconf', 'monitor', 'client|pause']) {
    assert.equal(goesAsItIs(named(name)), false, name);
  }
});

test('a read-only user is refused every write, the grant notwithstanding', () => {
  for (const facts of runnable) {
    if (!mayWrite(facts)) continue;
    const given = { ...usual('standalone', 'dedicated'), readOnly: true, passThrough: true };
    assert.equal(contractOf(facts, given).how, 'refused', facts.name);
  }
});

test('what is written down of a command is of one there is', () => {
  for (const name of [...Object.keys(localNotes), ...Object.keys(refusals)]) named(name);
  for (const name of Object.keys(refusals)) {
    const { subcommands } = named(name);
    for (const facts of subcommands?.values() ?? [named(name)]) {
      const { kind } = treatmentOf(facts);
      const local = facts.name.endsWith('|help') || Object.hasOwn(localNotes, facts.name);
      assert.equal(kind, local ? 'local' : 'refused', facts.name);
    }
  }
});

test('a newer command says which servers have it, and the others do not', () => {
  const newer = new Set(newerRows.map(({ name }) => name));
  for (const facts of runnable) {
    const { note } = contractOf(facts, usual('standalone', 'dedicated'));
    const says = /^where the server has it: (Redis \d\.\d)?( or )?(Valkey \d\.\d)?, or later$/;
    if (newer.has(facts.name)) assert.match(note, says, facts.name);
    else assert.doesNotMatch(note, says, facts.name);
  }
});

test('of commands that wait only those that pop give back, and those that move may lose', () => {
  const given = usual('cluster', 'dedicated');
  for (const [name, deed] of Object.entries(blocking)) {
    const { note, acrossSlots } = contractOf(named(name), given);
    for (const text of [note, acrossSlots?.note ?? '']) {
      assert.equal(/ put back where it was/.test(text), deed === 'pops', name);
      assert.equal(/ stay(s)? pending /.test(text), deed === 'delivers', name);
      assert.equal(/ moved /.test(` ${text} `), deed === 'moves', name);
    }
    const alike = acrossSlots?.note.includes(poppedThenPushed);
    assert.equal(alike, deed === 'moves', name);
    const strict = contractOf(named(name), { ...given, crossSlot: 'refuse' });
    assert.equal(strict.acrossSlots?.how, 'refused', name);
  }
  for (const name of ['lmove', 'rpoplpush']) {
    assert.equal(contractOf(named(name), given).acrossSlots?.note, poppedThenPushed);
  }
});
