/** The cursor of a scan over a whole cluster: one decimal number that holds all there is to know. */

/**
 * Where a scan stands, between two calls.
 *
 *     63 ……………………………… 29 │ 28 ……… 15 │ 14 │ 13 …… 0
 *        cursor of the node │    mark   │moved│  slot
 *
 * Up to 16 million buckets on a node the number stays below 2^53, so that clients which read it
 * into a double read it right.
 */
export interface ScanCursor {
  /** Every key of a lower slot was returned, if it existed throughout. */
  readonly slot: number;
  /**
   * The cluster's shape changed since the scan began: from then on one range of slots is scanned
   * after the other, for which nodes were scanned whole is no longer known.
   */
  readonly moved: boolean;
  /** 14 bits that tell the shape the scan of this node began with from any other. */
  readonly mark: number;
  /** The node's own cursor; 0: the scan of the node that owns `slot` is yet to begin. */
  readonly node: bigint;
}

const slotBits = 14n;
const markBits = 14n;
const slotMask = (1n << slotBits) - 1n;
const markMask = (1n << markBits) - 1n;
const nodeShift = slotBits + 1n + markBits;

export const markMax = Number(markMask);

/** The greatest cursor of a node that still fits. */
export const nodeCursorMax = (1n << (64n - nodeShift)) - 1n;

/** Less than 2^64; 0 only for the beginning of a scan, which as an answer means its end. */
export function encodeCursor({ slot, moved, mark, node }: ScanCursor): bigint {
  const flags = (BigInt(mark) << 1n) | (moved ? 1n : 0n);
  return (node << nodeShift) | (flags << slotBits) | BigInt(slot);
}

export function decodeCursor(cursor: bigint): ScanCursor {
  const flags = cursor >> slotBits;
  return {
    slot: Number(cursor & slotMask),
    moved: (flags & 1n) === 1n,
    mark: Number((flags >> 1n) & markMask),
    node: cursor >> nodeShift,
  };
}

const digits = /^\d{1,20}$/;

/** The number in `text`; null when it is none below 2^64. Source: Redis 7.0 `parseScanCursorOrReply`. */
export function readCursor(text: string): bigint | null {
  if (!digits.test(text)) return null;
  const value = BigInt(text);
  return value < 1n << 64n ? value : null;
}
