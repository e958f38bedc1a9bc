/** Glob patterns as KEYS, SCAN and COMMAND LIST understand them. */

const STAR = 42;
const DASH = 45;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;

/**
 * Bytes of text and pattern looked at in vain, behind one star after the other, before a match is
 * given up: about a millisecond, in which nobody else is served.
 */
const retriedBytesMax = 250_000;

/**
 * Whether `text` as a whole matches `pattern`: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and a backslash
 * that takes the next byte as it is. Case counts. Only the last `*` is ever tried again: a client
 * cannot buy exponential time with many stars; nor much time with a long pattern and a long text,
 * which match only if that is found out soon.
 * Source: Redis, "KEYS", glob-style patterns; `stringmatchlen_impl`, which gives up, too.
 */
export function patternMatches(pattern: Uint8Array, text: Uint8Array): boolean {
  let retried = 0;
  let p = 0;
  let t = 0;
  let starBehind = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === STAR) {
      starBehind = ++p;
      starText = t;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text[t]!) : -1;
    if (next >= 0) {
      p = next;
      t++;
    } else if (starBehind >= 0) {
      // A class is read to its end before it is known to fail.
      retried += t - starText + p - starBehind + (pattern[p] === OPEN ? pattern.length - p : 0);
      if (retried > retriedBytesMax) return false;
      p = starBehind;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === STAR) p++;
  return p >= pattern.length;
}

/**
 * Whether some text that begins with `start` may match `pattern`. True too often in one case only: a
 * class behind `start` that no byte is in.
 */
export function patternMayBegin(pattern: Uint8Array, start: Uint8Array): boolean {
  let places = throughStars(pattern, [0]);
  for (const byte of start) {
    const next: number[] = [];
    for (const p of places) {
      if (pattern[p] === STAR) next.push(p);
      else if (p < pattern.length) next.push(matchOne(pattern, p, byte));
    }
    places = throughStars(
      pattern,
      next.filter((p) => p >= 0),
    );
    if (places.length === 0) return false;
  }
  return true;
}

/**
 * The places reached by letting stars stand for nothing: the last star of each run, as good as all
 * of them, and what is behind it. So there are few places however many stars there are.
 */
function throughStars(pattern: Uint8Array, from: readonly number[]): number[] {
  const places = new Set<number>();
  for (let p of from) {
    const starts = p;
    while (pattern[p] === STAR) p++;
    if (p > starts) places.add(p - 1);
    places.add(p);
  }
  return [...places];
}

/** Behind the element of `pattern` at `p` when it matches `byte`, else -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  const element = pattern[p];
  if (element === QUESTION) return p + 1;
  if (element === OPEN) return matchClass(pattern, p + 1, byte);
  const escaped = element === BACKSLASH && p + 1 < pattern.length;
  const literal = escaped ? pattern[p + 1] : element;
  return literal === byte ? p + (escaped ? 2 : 1) : -1;
}

/** A class that is never closed reaches to the end of the pattern, as in Redis. */
function matchClass(pattern: Uint8Array, start: number, byte: number): number {
  const negated = pattern[start] === CARET;
  let p = negated ? start + 1 : start;
  let found = false;
  while (p < pattern.length && pattern[p] !== CLOSE) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      found ||= pattern[p + 1] === byte;
      p += 2;
    } else if (pattern[p + 1] === DASH && p + 2 < pattern.length) {
      const a = pattern[p]!;
      const b = pattern[p + 2]!;
      found ||= byte >= Math.min(a, b) && byte <= Math.max(a, b);
      p += 3;
    } else {
      found ||= pattern[p] === byte;
      p++;
    }
  }
  return found === negated ? -1 : Math.min(p + 1, pattern.length);
}
