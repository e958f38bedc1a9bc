/** SPINE of the data plane: what one read of a client brought, from bytes to commands on their way. */
import { arityFits, type CommandFacts, lookupCommand } from './command/command.ts';
import { writeFirstKeyPrefixed } from './command/prefix.ts';
import type { UpstreamConnection } from './command/upstream.ts';
import { leaveFastLane } from './execute.ts';
import type { ClientConnection } from './listen/connection.ts';
import type { DataPlane } from './proxy.ts';
import { encodeError } from './resp/encoder.ts';
import { parseInline } from './resp/inline.ts';
import { INCOMPLETE, INLINE, scanRequest } from './resp/request-scanner.ts';
import { slotOf } from './route/slot.ts';
import type { Session } from './session/session.ts';

/** Where the command ends that stopped `passThrough`, or the scanner's status; 0: nothing stopped it. */
let stoppedAt = 0;
/** Its facts; null when unknown. */
let stoppedBy: CommandFacts | null = null;

/**
 * Takes commands from `bytes[start, end)` and sends them on; returns where the first untaken byte
 * stands. Everything runs on one state of the configuration: a batch never sees half a change.
 *
 *     passThrough:   decode → lane allows → slot → send          runs of commands
 *     leaveFastLane: decode → admit → answer | plan → send       everything else
 */
export function serve(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  if (session.state !== proxy.state) session.follow(proxy.state);
  let cursor = start;
  while (cursor < end && client.hold === 'none') {
    if (heldByChange(session, client)) return cursor;
    cursor = passThrough(session, client, proxy, bytes, cursor, end);
    if (stoppedAt === 0 || stoppedAt === INCOMPLETE) return cursor;
    if (stoppedAt < 0) {
      const next = takeOther(proxy, session, client, bytes, cursor, end);
      if (next === cursor) return cursor;
      cursor = next;
    } else if (leaveFastLane(proxy, session, client, stoppedBy, bytes, cursor, stoppedAt)) {
      cursor = stoppedAt;
    } else {
      return cursor;
    }
  }
  return cursor;
}

/** A change of ways while replies are owed: what follows could overtake what is under way. */
function heldByChange(session: Session, client: ClientConnection): boolean {
  const { queue } = client;
  const epoch = session.way.upstream?.epoch ?? 0;
  if (!session.barrier && queue.epoch === epoch) return false;
  if (!queue.idle) {
    client.holdFor('idle');
    return true;
  }
  session.barrier = false;
  queue.epoch = epoch;
  return false;
}

/** Sends runs of plain commands until one must leave the fast lane, the bytes end or the credit does. */
function passThrough(
  session: Session,
  client: ClientConnection,
  proxy: DataPlane,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const { queue, frame } = client;
  queue.way = session.way.upstream;
  const { lanes, upstream, prefix, prefixCrc, meter } = session.way;
  const single = upstream?.single ?? null;
  const slots = upstream?.slots ?? null;
  const reads = upstream?.reads ?? null;
  const limits = session.user === null ? proxy.limits.anonymous : proxy.limits.request;
  let way: UpstreamConnection | null = null;
  let family = 0;
  let from = start;
  let count = 0;
  let cursor = start;
  stoppedAt = 0;
  let room = queue.room();
  let facts: CommandFacts | null = null;
  while (cursor < end) {
    if (room <= 0) {
      client.holdFor('credit');
      proxy.observe.counters.clientPauses++;
      break;
    }
    const next = scanRequest(frame, bytes, cursor, end, limits);
    if (next < 0) {
      stoppedAt = next;
      break;
    }
    facts = frame.argc === 0 ? null : lookupCommand(bytes, frame.nameStart, frame.nameEnd);
    if (facts === null || lanes[facts.id] === 0 || !arityFits(facts, frame.argc)) {
      stoppedAt = next;
      stoppedBy = facts;
      break;
    }
    const to =
      single ??
      (lanes[facts.id] === 1 ? slots! : reads!)[
        slotOf(bytes, frame.firstStart, frame.firstEnd, prefixCrc)
      ]!;
    room--;
    if (prefix !== null) {
      const { firstStart, firstEnd } = frame;
      const at = writeFirstKeyPrefixed(to, prefix, bytes, cursor, firstStart, firstEnd, next);
      to.commit(queue, facts.family, meter, at);
      cursor = next;
      from = next;
      continue;
    }
    if (to !== way || facts.family !== family) {
      if (count > 0) way!.send(queue, family, meter, bytes, from, cursor, count);
      way = to;
      family = facts.family;
      from = cursor;
      count = 0;
    }
    count++;
    cursor = next;
  }
  if (count > 0) way!.send(queue, family, meter, bytes, from, cursor, count);
  if (facts !== null) session.lastCommand = facts;
  return cursor;
}

/** Bytes that are no RESP array: an inline command, or nothing that can be followed any further. */
function takeOther(
  proxy: DataPlane,
  session: Session,
  client: ClientConnection,
  bytes: Buffer,
  cursor: number,
  end: number,
): number {
  if (stoppedAt !== INLINE) return refuseStream(proxy, client, cursor, client.frame.error);
  const limits = session.user === null ? proxy.limits.anonymous : proxy.limits.request;
  const inline = parseInline(bytes, cursor, end, limits);
  if (inline.kind === 'incomplete') return cursor;
  if (inline.kind === 'error') return refuseStream(proxy, client, cursor, inline.error);
  const { request } = inline;
  const taken = serve(proxy, session, client, request, 0, request.length);
  client.frame.reset();
  return taken === request.length ? inline.end : cursor;
}

/** Says what is wrong, in Redis's words, and ends the connection once every reply went out. */
function refuseStream(
  proxy: DataPlane,
  client: ClientConnection,
  cursor: number,
  error: string,
): number {
  proxy.observe.counters.protocolErrors++;
  const reply = encodeError('ERR', error);
  const { queue } = client;
  queue.owe(1, 0);
  queue.answer(queue.addAnswer(proxy.connectionFamily, proxy.nobody), reply, reply.length);
  client.endAfterReplies();
  return cursor;
}
