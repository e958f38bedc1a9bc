/** A command off the fast lane: admitted, then answered here, sent whole, or split and gathered. */
import { type CommandFacts, Flag } from './command/command.ts';
import {
  copyRange,
  headerBytesMax,
  writeBulkHeader,
  writeKey,
  writePrefixed,
} from './command/prefix.ts';
import type { Command } from './command/request.ts';
import { treatmentOf } from './command/treatment.ts';
import type { ClientConnection } from './listen/connection.ts';
import { type GatherPolicy, newGather } from './merge/gather.ts';
import type { Meter } from './observe/meter.ts';
import { admit } from './policy/policy.ts';
import type { DataPlane } from './proxy.ts';
import { encodeError } from './resp/encoder.ts';
import { keys, type Plan, planOf, splitter } from './route/route.ts';
import { answer, mustWait } from './session/answer.ts';
import type { Session } from './session/session.ts';

const failed = encodeError('ERR', 'the proxy failed to make this reply');

/**
 * Carries out the command `bytes[start, end)`. False when it must be offered again: the client is
 * held until its earlier replies have come.
 */
export function leaveFastLane(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  facts: CommandFacts | null,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const { command } = proxy;
  if (client.frame.argc === 0) return true;
  command.read(facts, bytes, start, end, client.frame.argc);
  const refusal = admit(session, command);
  if (refusal !== null) {
    refuse(proxy, session, client, command, refusal);
    return true;
  }
  const known = command.facts as CommandFacts;
  if (treatmentOf(known).kind === 'local') {
    return answerHere(proxy, session, client, command);
  }
  carryOut(proxy, session, client, command, planOf(command, session.way));
  return true;
}

/** One reply per command, always in order, never `+OK` for something refused. */
function refuse(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  command: Command,
  refusal: Buffer,
): void {
  const family = command.facts?.family ?? proxy.connectionFamily;
  const meter = meterOf(proxy, session);
  meter.refused[family]!++;
  reply(client, family, meter, refusal);
}

function reply(client: ClientConnection, family: number, meter: Meter, bytes: Buffer): void {
  client.queue.owe(1, 0);
  client.queue.answer(client.queue.addAnswer(family, meter), bytes, bytes.length);
}

function meterOf(proxy: DataPlane, session: Session): Meter {
  return session.user?.tenant.meter ?? proxy.nobody;
}

function answerHere(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  command: Command,
): boolean {
  if (mustWait(command) && !client.queue.idle) {
    client.holdFor('idle');
    return false;
  }
  const family = (command.facts as CommandFacts).family;
  const made = answer(session, command, proxy.services);
  const meter = meterOf(proxy, session);
  if (made.kind === 'reply') {
    reply(client, family, meter, made.reply);
    if (made.close === true) client.endAfterReplies();
    return true;
  }
  client.queue.owe(1, 0);
  const run = client.queue.addAnswer(family, meter);
  client.holdFor('answer');
  const finish = (bytes: Buffer): void => {
    client.queue.answer(run, bytes, bytes.length);
    client.release();
  };
  made.reply.then(finish, () => finish(failed));
  return true;
}

function carryOut(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  command: Command,
  plan: Plan,
): void {
  switch (plan.kind) {
    case 'refused':
      refuse(proxy, session, client, command, plan.reply);
      return;
    case 'whole':
      sendWhole(session, client, command, plan);
      return;
    case 'fan-out':
      fanOut(session, client, command, plan);
      return;
    default:
      plan satisfies never;
  }
}

function sendWhole(
  session: Session,
  client: ClientConnection,
  command: Command,
  plan: Plan & { kind: 'whole' },
): void {
  const { prefix, meter } = session.way;
  const { family } = command.facts as CommandFacts;
  if (prefix === null) {
    plan.way.send(client.queue, family, meter, command.bytes, command.start, command.end, 1);
  } else {
    const end = writePrefixed(plan.way, prefix, command, keys.at, keys.count);
    plan.way.commit(client.queue, family, meter, end);
  }
}

/**
 * Fragments for one connection are sent one after the other, so that they make one run and leave in
 * one write: all of the first fragment's connection, then all of the next one's, and so on.
 */
function fanOut(
  session: Session,
  client: ClientConnection,
  command: Command,
  plan: Plan & { kind: 'fan-out' },
): void {
  const facts = command.facts as CommandFacts;
  const { queue } = client;
  const { meter, prefix } = session.way;
  const slots = session.way.upstream!.slots!;
  const gather = newGather();
  const { fragments } = splitter;
  gather.prepare(plan.keys);
  const size = command.end - command.start;
  queue.owe(1, size);
  const answerRun = queue.addAnswer(facts.family, meter);
  answerRun.requestBytes = size;
  answerRun.touches = (facts.flags & Flag.readonly) === 0 ? 'writes' : 'reads';
  gather.begin(policyOf(facts), facts.name.toUpperCase(), fragments, queue, answerRun);
  let sent = 0;
  for (let f = 0; sent < fragments; f++) {
    if (splitter.slots[f]! < 0) continue;
    const way = slots[splitter.slots[f]!]!;
    for (let g = f; g < fragments; g++) {
      const slot = splitter.slots[g]!;
      if (slot < 0 || slots[slot] !== way) continue;
      splitter.slots[g] = -1;
      const from = splitter.starts[g]!;
      const to = splitter.starts[g + 1]!;
      gather.addFragment(sent, splitter.keyOrder, from, to);
      const into = way.reserve(fragmentBytes(command, plan, from, to, prefix));
      const end = writeFragment(command, plan, from, to, prefix, into, way.cursor);
      const run = way.commit(gather, facts.family, meter, end);
      if (run.count === 1) run.fragment = sent;
      sent++;
    }
  }
}

function policyOf(facts: CommandFacts): GatherPolicy {
  if (facts.responsePolicy === 'agg_sum') return 'agg_sum';
  return facts.responsePolicy === 'all_succeeded' ? 'all_succeeded' : 'in_order';
}

/** The most bytes that fragment can take; walking its arguments is cheaper than writing twice. */
function fragmentBytes(
  command: Command,
  plan: Plan & { kind: 'fan-out' },
  from: number,
  to: number,
  prefix: Buffer | null,
): number {
  const { starts, ends } = command;
  let bytes = 2 * headerBytesMax + command.ends[0]! - command.starts[0]! + 2;
  for (let k = from; k < to; k++) {
    const key = plan.first + splitter.keyOrder[k]! * plan.step;
    bytes += ends[key + plan.step - 1]! - starts[key]! + 2 + headerBytesMax;
    bytes += prefix === null ? 0 : prefix.length;
  }
  return bytes;
}

/** `*<n>`, the command's name, then each key with its values. */
function writeFragment(
  command: Command,
  plan: Plan & { kind: 'fan-out' },
  from: number,
  to: number,
  prefix: Buffer | null,
  into: Buffer,
  cursor: number,
): number {
  const { bytes, starts, ends } = command;
  const { first, step } = plan;
  let at = writeBulkHeader(into, cursor, 1 + (to - from) * step);
  into[cursor] = 42;
  at = copyRange(bytes, command.headerStart(0), ends[0]! + 2, into, at);
  for (let k = from; k < to; k++) {
    const key = first + splitter.keyOrder[k]! * step;
    if (prefix === null) {
      at = copyRange(bytes, command.headerStart(key), ends[key + step - 1]! + 2, into, at);
    } else {
      at = writeKey(bytes, starts[key]!, ends[key]!, prefix, into, at);
      if (step > 1) at = copyRange(bytes, ends[key]! + 2, ends[key + step - 1]! + 2, into, at);
    }
  }
  return at;
}
