/** What proxies tell each other about units, as bytes: one byte of version, one of kind, the rest. */
import { isKafkaErrorCode } from '@respool/kafka/kafka-error';
import type {
  Answer,
  Ask,
  Hint,
  Loan,
  Rest,
  SessionId,
  Turn,
  UnitName,
  Verdict,
} from './exchange.ts';
import { numberBytesMax, WireError, WireReader, WireWriter } from './wire-bytes.ts';
import { readSession, readUnit, sessionBytesMax, unitBytesMax, writeUnit } from './wire-names.ts';

/** `claim`: please own this unit. `ping`: is anybody there? */
export type Question =
  | { readonly kind: 'ask'; readonly ask: Ask }
  | { readonly kind: 'claim'; readonly unit: UnitName; readonly from: SessionId }
  | { readonly kind: 'ping'; readonly from: SessionId };

export type Heard = Question | { readonly kind: 'hint'; readonly hint: Hint };

export type Reply =
  | Answer
  | { readonly kind: 'claimed'; readonly epoch: number }
  | { readonly kind: 'declined' }
  | { readonly kind: 'pong' };

const version = 1;

/** `turnAsk`: an ask with turn and doubts behind it, for those alone who take them. */
const heardKinds = { ask: 1, claim: 2, ping: 3, hint: 4, turnAsk: 5 } as const;
const replyKinds = {
  loans: 16,
  fenced: 17,
  failed: 18,
  claimed: 19,
  declined: 20,
  pong: 21,
} as const;
const rests: readonly Rest[] = ['ready', 'empty', 'full'];
const valueKinds = { none: 0, elsewhere: 1, here: 2 } as const;

/** Of one ask; whoever has more sends them with the next. */
export const takeMax = 1_000;
export const settledMax = 4_096;
export const verdictsMax = 4_096;
export const lostMax = 64;
/** Content of one answer, all loans together. */
export const answerBytesMax = 512 * 1_024;
/** A larger value is not sent along: whoever is lent it reads it at its offset. */
export const valueBytesMax = 64 * 1_024;

const messageBytesMax = 1_024;
/** Version, kind, unit, session, and the numbers that are always there. */
const headBytesMax = 2 + unitBytesMax + sessionBytesMax + 2 + 9 * numberBytesMax;
const verdictBytes = 2 * numberBytesMax + 1;
const loanBytes = 5 * numberBytesMax + 1;
const partitionMax = 2 ** 31 - 1;

export function writeAsk(ask: Ask): Buffer {
  const { acks, nacks: refused, returns, doubts, verdicts, turn } = ask;
  // An earlier build knows no doubt.
  const nacks = turn === null && doubts.length > 0 ? [...refused, ...doubts] : refused;
  const settled = (acks.length + nacks.length + returns.length) * numberBytesMax;
  const turnBytes = turn === null ? 0 : (4 + turn.lost.length + doubts.length) * numberBytesMax;
  const to = new WireWriter(headBytesMax + settled + verdicts.length * verdictBytes + turnBytes);
  begin(to, turn === null ? heardKinds.ask : heardKinds.turnAsk);
  writeUnit(to, ask.unit);
  to.number(ask.epoch);
  to.text(ask.from);
  to.number(ask.take);
  to.number(ask.bytesMax);
  to.byte(ask.waits ? 1 : 0);
  to.numbers(acks);
  to.numbers(nacks);
  to.numbers(returns);
  to.number(verdicts.length);
  for (const { partition, offset, done } of verdicts) {
    to.number(partition);
    to.number(offset);
    to.byte(done ? 1 : 0);
  }
  if (turn !== null) {
    to.number(turn.number);
    to.number(turn.oldest);
    to.numbers(turn.lost);
    to.numbers(doubts);
  }
  return to.done();
}

export function writeClaim(unit: UnitName, from: SessionId): Buffer {
  const to = new WireWriter(headBytesMax);
  begin(to, heardKinds.claim);
  writeUnit(to, unit);
  to.text(from);
  return to.done();
}

export function writePing(from: SessionId): Buffer {
  const to = new WireWriter(headBytesMax);
  begin(to, heardKinds.ping);
  to.text(from);
  return to.done();
}

export function writeHint({ unit, epoch }: Hint): Buffer {
  const to = new WireWriter(headBytesMax);
  begin(to, heardKinds.hint);
  writeUnit(to, unit);
  to.number(epoch);
  return to.done();
}

/** Throws {@link WireError}, as {@link readReply}: whoever sent it may be broken, or a later build. */
export function readHeard(bytes: Uint8Array): Heard {
  const from = new WireReader(bytes);
  const kind = beginning(from);
  const heard = readHeardOf(kind, from);
  from.end();
  return heard;
}

function readHeardOf(kind: number, from: WireReader): Heard {
  switch (kind) {
    case heardKinds.ask:
      return { kind: 'ask', ask: { ...readAsk(from), turn: null, doubts: [] } };
    case heardKinds.turnAsk:
      return {
        kind: 'ask',
        ask: { ...readAsk(from), turn: readTurn(from), doubts: from.numbers(settledMax) },
      };
    case heardKinds.claim:
      return { kind: 'claim', unit: readUnit(from), from: readSession(from) };
    case heardKinds.ping:
      return { kind: 'ping', from: readSession(from) };
    case heardKinds.hint:
      return { kind: 'hint', hint: { unit: readUnit(from), epoch: from.number() } };
    default:
      throw new WireError(`nothing is asked by the kind ${kind}`);
  }
}

/** A value over {@link valueBytesMax} is sent as `'elsewhere'`. */
export function writeReply(reply: Reply): Buffer {
  if (reply.kind === 'loans') return writeLoans(reply);
  const to = new WireWriter(2 + 2 * (messageBytesMax + numberBytesMax));
  begin(to, replyKinds[reply.kind]);
  if (reply.kind === 'claimed') to.number(reply.epoch);
  if (reply.kind === 'failed') {
    to.text(reply.code);
    to.text(reply.message.slice(0, messageBytesMax / 4));
  }
  return to.done();
}

function writeLoans({ loans, rest, judged }: Extract<Answer, { kind: 'loans' }>): Buffer {
  let bytesMax = 2 + 3 * numberBytesMax + judged.length;
  for (const { value } of loans) bytesMax += loanBytes + sentBytes(value);
  const to = new WireWriter(bytesMax);
  begin(to, replyKinds.loans);
  to.byte(rests.indexOf(rest));
  to.number(judged.length);
  for (const was of judged) to.byte(was ? 1 : 0);
  to.number(loans.length);
  for (const { id, partition, offset, deliveries, value } of loans) {
    to.number(id);
    to.number(partition);
    to.number(offset);
    to.number(deliveries);
    if (value === null) to.byte(valueKinds.none);
    else if (value === 'elsewhere' || value.length > valueBytesMax) to.byte(valueKinds.elsewhere);
    else {
      to.byte(valueKinds.here);
      to.number(value.length);
      to.bytes(value);
    }
  }
  return to.done();
}

function sentBytes(value: Loan['value']): number {
  if (value === null || value === 'elsewhere' || value.length > valueBytesMax) return 0;
  return value.length;
}

/** Values are views of `bytes`. */
export function readReply(bytes: Uint8Array): Reply {
  const from = new WireReader(bytes);
  const kind = beginning(from);
  const reply = readReplyOf(kind, from);
  from.end();
  return reply;
}

function readReplyOf(kind: number, from: WireReader): Reply {
  switch (kind) {
    case replyKinds.loans:
      return readLoans(from);
    case replyKinds.fenced:
      return { kind: 'fenced' };
    case replyKinds.failed: {
      const code = from.text(messageBytesMax);
      const message = from.text(messageBytesMax);
      // A later build may know more of them.
      return { kind: 'failed', code: isKafkaErrorCode(code) ? code : 'refused', message };
    }
    case replyKinds.claimed:
      return { kind: 'claimed', epoch: from.number() };
    case replyKinds.declined:
      return { kind: 'declined' };
    case replyKinds.pong:
      return { kind: 'pong' };
    default:
      throw new WireError(`nothing is answered by the kind ${kind}`);
  }
}

function readLoans(from: WireReader): Reply {
  const rest = rests[from.byte()];
  if (rest === undefined) throw new WireError('it does not say what is left');
  const judged: boolean[] = new Array(from.count(verdictsMax, 1));
  for (let at = 0; at < judged.length; at++) judged[at] = from.flag();
  const loans: Loan[] = new Array(from.count(takeMax, 5));
  for (let at = 0; at < loans.length; at++) loans[at] = readLoan(from);
  return { kind: 'loans', loans, rest, judged };
}

function readLoan(from: WireReader): Loan {
  const id = from.number();
  const partition = from.number(partitionMax);
  const offset = from.number();
  const deliveries = from.number();
  return { id, partition, offset, deliveries, value: readValue(from) };
}

function readValue(from: WireReader): Loan['value'] {
  const kind = from.byte();
  if (kind === valueKinds.here) return from.bytes(valueBytesMax);
  if (kind === valueKinds.none) return null;
  if (kind === valueKinds.elsewhere) return 'elsewhere';
  throw new WireError(`no value is of the kind ${kind}`);
}

function readAsk(from: WireReader): Omit<Ask, 'turn' | 'doubts'> {
  const unit = readUnit(from);
  const epoch = from.number();
  const session = readSession(from);
  const take = from.number(takeMax);
  const bytesMax = from.number(answerBytesMax);
  const waits = from.flag();
  const acks = from.numbers(settledMax);
  const nacks = from.numbers(settledMax);
  const returns = from.numbers(settledMax);
  const verdicts: Verdict[] = new Array(from.count(verdictsMax, 3));
  for (let at = 0; at < verdicts.length; at++) {
    const partition = from.number(partitionMax);
    verdicts[at] = { partition, offset: from.number(), done: from.flag() };
  }
  const settled = { acks, nacks, returns };
  return { unit, epoch, from: session, take, bytesMax, waits, ...settled, verdicts };
}

function readTurn(from: WireReader): Turn {
  return { number: from.number(), oldest: from.number(), lost: from.numbers(lostMax) };
}

function begin(to: WireWriter, kind: number): void {
  to.byte(version);
  to.byte(kind);
}

/** The kind. A build of another version is told nothing: it gives the message up in time. */
function beginning(from: WireReader): number {
  const found = from.byte();
  if (found !== version) throw new WireError(`it is of version ${found}, not ${version}`);
  return from.byte();
}
