/** Where a client's command ends, what it is called and where its first argument lies: bytes only. */
import { INCOMPLETE, type RequestFrame, type RequestLimits } from './request-frame.ts';
import { refuse, scanCount, scanLength, tooMuch } from './request-header.ts';

export {
  INCOMPLETE,
  INLINE,
  MALFORMED,
  RequestFrame,
  type RequestLimits,
  unlimited,
} from './request-frame.ts';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ASTERISK = 42;
const ZERO = 48;

/**
 * Scans one command in `bytes[cursor..end)`; returns where it ends, or a negative status. An empty
 * command (`*0`, `*-1`, an empty line) ends with `argc` 0 and is to be skipped.
 *
 * After INCOMPLETE the caller may move the unconsumed bytes anywhere: they start at the next
 * `cursor`, and at least the same bytes are there. Arguments seen are not scanned again, so an array
 * that comes in many reads costs linear time. After MALFORMED the frame must be reset.
 *
 * Source: RESP specification, "Sending commands to a Redis server"; strictness and errors as Redis
 * 7.0 `processMultibulkBuffer`, except that LF after CR and CRLF after a body are checked too: a
 * client that miscounts would otherwise have its next command read from the middle of a value.
 */
export function scanRequest(
  frame: RequestFrame,
  bytes: Buffer,
  cursor: number,
  end: number,
  limits: RequestLimits,
): number {
  frame.need = 0;
  let i = cursor + 4;
  let arg = 0;
  // A count of one digit, as nearly every command has, is read at once; scanCount reads any.
  let argc = i <= end && frame.offset === 0 ? bytes[cursor + 1]! - ZERO : 0;
  if (
    argc > 0 &&
    argc <= 9 &&
    bytes[cursor] === ASTERISK &&
    bytes[cursor + 2] === CR &&
    bytes[cursor + 3] === LF
  ) {
    if (argc > limits.argumentsMax) return refuse(frame, tooMuch(limits, 'multibulk'));
    frame.argc = argc;
    frame.firstStart = 0;
    frame.firstEnd = 0;
  } else {
    i = frame.offset === 0 ? scanCount(frame, bytes, cursor, end, limits) : resume(frame, cursor);
    if (i < 0) return i;
    argc = frame.argc;
    arg = frame.argsSeen;
  }
  const bodyBytesMax = limits.argumentBytesMax;
  const atMost = cursor + limits.requestBytesMax;
  const endMax = atMost < end ? atMost : end;
  for (; arg < argc; arg++) {
    const header = i;
    let length = -1;
    // And so with a length of one or two digits; scanLength reads any.
    if (i + 5 <= end && bytes[i] === DOLLAR) {
      const first = bytes[i + 1]! - ZERO;
      const second = bytes[i + 2]! - ZERO;
      if (first > 0 && first <= 9) {
        if (second === CR - ZERO && bytes[i + 3] === LF) {
          length = first;
          i += 4;
        } else if (second >= 0 && second <= 9 && bytes[i + 3] === CR && bytes[i + 4] === LF) {
          length = first * 10 + second;
          i += 5;
        }
      }
    }
    if (length < 0) {
      i = scanLength(frame, bytes, header, end);
      if (i < 0) return stop(frame, cursor, header, arg, i);
      length = frame.length;
    }
    const start = i;
    i += length + 2;
    if (length > bodyBytesMax || i > endMax || bytes[i - 2] !== CR || bytes[i - 1] !== LF) {
      return stop(
        frame,
        cursor,
        header,
        arg,
        bodyFault(frame, length, i - cursor, end - i, limits),
      );
    }
    if (arg < 2) record(frame, arg, start, i - 2);
  }
  frame.argsSeen = 0;
  frame.offset = 0;
  return i;
}

function record(frame: RequestFrame, arg: number, start: number, end: number): void {
  if (arg === 0) {
    frame.nameStart = start;
    frame.nameEnd = end;
  } else {
    frame.firstStart = start;
    frame.firstEnd = end;
  }
}

/**
 * Why an argument of `length` bytes is not complete and right: the command would reach `requestBytes`
 * with it, and `room` bytes (negative: none) come behind it in this read.
 */
function bodyFault(
  frame: RequestFrame,
  length: number,
  requestBytes: number,
  room: number,
  limits: RequestLimits,
): number {
  if (length > limits.argumentBytesMax) return refuse(frame, tooMuch(limits, 'bulk'));
  if (requestBytes > limits.requestBytesMax) return refuse(frame, 'too big request');
  if (room >= 0) return refuse(frame, 'expected CRLF after bulk');
  frame.need = -room;
  return INCOMPLETE;
}

/** Moves what is known of a half-scanned command to where its bytes lie now. */
function resume(frame: RequestFrame, cursor: number): number {
  const shift = cursor - frame.base;
  if (frame.argsSeen > 0) {
    frame.nameStart += shift;
    frame.nameEnd += shift;
  }
  if (frame.argsSeen > 1) {
    frame.firstStart += shift;
    frame.firstEnd += shift;
  }
  frame.base = cursor;
  return cursor + frame.offset;
}

/** Remembers where an incomplete command goes on: at the argument that starts at `header`. */
function stop(
  frame: RequestFrame,
  cursor: number,
  header: number,
  argsSeen: number,
  status: number,
): number {
  frame.base = cursor;
  frame.offset = header - cursor;
  frame.argsSeen = argsSeen;
  return status;
}

/**
 * Byte ranges of all arguments of a complete command that {@link scanRequest} accepted and that
 * starts at `start`; returns argc. Both arrays must hold `frame.argc` entries or more.
 */
export function scanArguments(
  bytes: Buffer,
  start: number,
  starts: Int32Array,
  ends: Int32Array,
): number {
  let i = start + 1;
  let argc = 0;
  for (let byte = bytes[i++]!; byte !== CR; byte = bytes[i++]!) argc = argc * 10 + byte - ZERO;
  i++;
  for (let arg = 0; arg < argc; arg++) {
    i++;
    let length = 0;
    for (let byte = bytes[i++]!; byte !== CR; byte = bytes[i++]!)
      length = length * 10 + byte - ZERO;
    starts[arg] = i + 1;
    i += 1 + length;
    ends[arg] = i;
    i += 2;
  }
  return argc;
}
