/** A reply as a tree that keeps its exact bytes, for comparing what byte equality is too strict for. */
export interface Frame {
  /** The type byte as a character. */
  readonly type: string;
  /** Exact bytes as latin1: the whole reply of a scalar, the header line of an aggregate. */
  readonly raw: string;
  /** What stands in a scalar; null for a null of any kind and for aggregates. */
  readonly text: string | null;
  /** Elements; of a map its keys and values in turn. Null for scalars and null arrays. */
  readonly items: readonly Frame[] | null;
}

const aggregates = new Set(['*', '%', '~', '>']);
const blobs = new Set(['$', '=', '!']);

/** `reply` is complete. */
export function readFrame(reply: Buffer): Frame {
  const text = reply.toString('latin1');
  const at = { cursor: 0 };
  const frame = readAt(text, at);
  if (at.cursor !== text.length) throw new Error(`bytes behind a reply: ${text.slice(0, 200)}`);
  return frame;
}

function readAt(bytes: string, at: { cursor: number }): Frame {
  const start = at.cursor;
  const line = bytes.indexOf('\r\n', start) + 2;
  const type = bytes[start] ?? '';
  const head = bytes.slice(start + 1, line - 2);
  at.cursor = line;
  if (aggregates.has(type)) {
    const raw = bytes.slice(start, line);
    if (head === '-1') return { type, raw, text: null, items: null };
    const items: Frame[] = [];
    const count = Number(head) * (type === '%' ? 2 : 1);
    for (let index = 0; index < count; index += 1) items.push(readAt(bytes, at));
    return { type, raw, text: null, items };
  }
  if (!blobs.has(type)) {
    return { type, raw: bytes.slice(start, line), text: type === '_' ? null : head, items: null };
  }
  if (head === '-1') return { type, raw: bytes.slice(start, line), text: null, items: null };
  at.cursor = line + Number(head) + 2;
  const text = bytes.slice(line, line + Number(head));
  return { type, raw: bytes.slice(start, at.cursor), text, items: null };
}

/** The exact bytes again, as latin1. */
export function bytesOf(frame: Frame): string {
  return frame.items === null ? frame.raw : frame.raw + frame.items.map(bytesOf).join('');
}

/** Texts of all scalars in `frame`, in order. */
export function leavesOf(frame: Frame): string[] {
  if (frame.items === null) return frame.text === null ? [] : [frame.text];
  return frame.items.flatMap(leavesOf);
}

const shownMax = 400;

export function showReply(reply: Buffer | null): string {
  if (reply === null) return 'nothing';
  const text = JSON.stringify(reply.toString('latin1'));
  return text.length > shownMax ? `${text.slice(0, shownMax)}… (${reply.length} bytes)` : text;
}
