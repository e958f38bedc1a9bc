/** What the request scanner is given and what it hands back. */

/** More bytes are needed; call again with the same frame when they have come. */
export const INCOMPLETE = -1;
/** The stream cannot be followed any further; `frame.error` says why, in Redis's words. */
export const MALFORMED = -2;
/** The command does not start with `*`; see `inline.ts`. */
export const INLINE = -3;

/** What a client may send. Counts, bytes and cursors must stay below 2^30. */
export interface RequestLimits {
  readonly argumentsMax: number;
  readonly argumentBytesMax: number;
  readonly requestBytesMax: number;
  readonly inlineBytesMax: number;
  /** These are the tighter limits from before AUTH; errors then say so, as Redis's do. */
  readonly unauthenticated?: boolean;
}

/** For commands this process wrote itself or has checked before; only the arithmetic bounds it. */
export const unlimited: RequestLimits = {
  argumentsMax: 2 ** 30 - 1,
  argumentBytesMax: 2 ** 30 - 1,
  requestBytesMax: 2 ** 30 - 1,
  inlineBytesMax: 2 ** 30 - 1,
};

/**
 * What `scanRequest` found; one per client, used again for every command. Positions are
 * absolute in the scanned bytes. After INCOMPLETE the name is valid once `argsSeen` is 1 or more and
 * the first argument once it is 2 or more.
 */
export class RequestFrame {
  /** Arguments, name included; 0 for an empty command, which gets no reply. */
  argc = 0;
  nameStart = 0;
  nameEnd = 0;
  /** Byte range of argument 1; both 0 when there is none. */
  firstStart = 0;
  firstEnd = 0;
  /** After INCOMPLETE: bytes known to be missing at least, 0 when unknown. */
  need = 0;
  error = '';
  /** Of the header read last; for the scanner alone. */
  length = 0;
  /** Complete arguments of the command being scanned. */
  argsSeen = 0;
  /** Where argument `argsSeen` starts, from the start of the command; 0: start afresh. */
  offset = 0;
  /** The cursor of the scan that stopped: absolute positions move by the difference to the next. */
  base = 0;

  reset(): void {
    this.argc = 0;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.firstStart = 0;
    this.firstEnd = 0;
    this.need = 0;
    this.error = '';
    this.length = 0;
    this.argsSeen = 0;
    this.offset = 0;
    this.base = 0;
  }
}
