/** A command off the fast lane: admitted, then answered here, carried, sent whole, or split and gathered. */
import { goesAsItIs, treatmentOf } from '@respool/contracts/commands/treatment';
import { afterwards } from './carry/afterwards.ts';
import { sendAsItIs } from './carry/as-it-is.ts';
import { spoiling } from './carry/begun.ts';
import { carriers } from './carry/carriers.ts';
import { isAlone, refuse, reply, replyLater } from './carry/reply.ts';
import type { Scene } from './carry/scene.ts';
import { sendWhole } from './carry/whole.ts';
import { carryWork } from './carry/work.ts';
import { type CommandFacts, Flag } from './command/command.ts';
import { copyRange, headerBytesMax, writeBulkHeader, writeKey } from './command/prefix.ts';
import type { Command } from './command/request.ts';
import { detours } from './detours.ts';
import type { ClientConnection } from './listen/connection.ts';
import { type GatherPolicy, newGather } from './merge/gather.ts';
import { admit } from './policy/policy.ts';
import type { DataPlane } from './proxy.ts';
import { type Plan, planOf, splitter, tableOf } from './route/route.ts';
import { answer, mustWait } from './session/answer.ts';
import type { Session } from './session/session.ts';

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
  if (facts === null) command.facts = foreignFacts(session, command);
  session.lastCommand = command.facts;
  const scene: Scene = { proxy, session, client };
  const refusal = admit(session, command);
  if (refusal !== null) {
    refuse(scene, command, spoiling(session, command, refusal));
    afterwards(scene, command);
    return true;
  }
  const watched = proxy.monitors.watchedTenant(session);
  const taken = carry(scene, command);
  if (taken && watched !== null) proxy.monitors.tell(watched, session, command);
  if (taken) afterwards(scene, command);
  return taken;
}

/** What is admitted is carried out; false as in {@link leaveFastLane}. */
function carry(scene: Scene, command: Command): boolean {
  for (const detour of detours) {
    const taken = detour(scene, command);
    if (taken !== null) return taken;
  }
  const facts = command.facts as CommandFacts;
  if (scene.session.way.granted && goesAsItIs(facts)) return sendAsItIs(scene, command);
  const treatment = treatmentOf(facts);
  if (treatment.kind === 'local') return answerHere(scene, command);
  if (treatment.kind === 'carried') return carriers[treatment.by](scene, command);
  return carryOut(scene, command, planOf(command, scene.session.way));
}

/** A name longer than this is no command's. */
const nameBytesMax = 64;

/** Facts of a command that only the session's backend has, or null. */
function foreignFacts(session: Session, command: Command): CommandFacts | null {
  if (session.route === null || command.ends[0]! - command.starts[0]! > nameBytesMax) return null;
  const name = command.text(0).toLowerCase();
  const facts = session.route.backend.foreign.find(name, session.way.shared);
  if (facts !== null) session.lastCommand = facts;
  return facts;
}

function answerHere(scene: Scene, command: Command): boolean {
  if (mustWait(command) && !isAlone(scene)) return false;
  const made = answer(scene.session, command, scene.proxy.services);
  if (made.kind === 'later') {
    replyLater(scene, command, made.reply);
    return true;
  }
  reply(scene, command, made.reply);
  if (made.close === true) scene.client.quit();
  return true;
}

function carryOut(scene: Scene, command: Command, plan: Plan): boolean {
  switch (plan.kind) {
    case 'refused':
      refuse(scene, command, plan.reply);
      return true;
    case 'whole':
      sendWhole(scene, command, plan.way);
      return true;
    case 'fan-out':
      fanOut(scene, command, plan);
      return true;
    case 'work':
      return carryWork(scene, command);
    default:
      return plan satisfies never;
  }
}

/**
 * Fragments for one connection are sent one after the other, so that they make one run and leave in
 * one write: all of the first fragment's connection, then all of the next one's, and so on.
 */
function fanOut(scene: Scene, command: Command, plan: Plan & { kind: 'fan-out' }): void {
  const { proxy, session, client } = scene;
  const facts = command.facts as CommandFacts;
  const { queue } = client;
  const { meter, prefix } = session.way;
  const slots = tableOf(session.way.upstream!, facts)!;
  const gather = newGather();
  const { fragments } = splitter;
  gather.prepare(plan.keys, proxy);
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
