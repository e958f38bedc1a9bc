/** Which nodes of a shard answer reads: pure, from what is known of each. */
import type { ReadFrom } from '@respool/contracts/entities';

export interface ReadNode {
  /** `host:port`. */
  readonly address: string;
  /** A connection to it stands. */
  readonly up: boolean;
  /** It follows its primary, and was neither lost nor refused a read just now. */
  readonly sound: boolean;
  /** Smoothed round trip in microseconds; Infinity while none was measured. */
  readonly tripUs: number;
}

/** Another node must be nearer than this share of the round trip to the present one. */
const nearerShare = 0.8;

/**
 * The nodes that share the reads of a shard, at least one: the best there are, the primary at last.
 * A replica that lost its primary is better than a primary that is gone. `before` are those chosen
 * so far: of two nodes equally near the one in use stays, so that clients do not swing to and fro.
 */
export function choose<N extends ReadNode>(
  readFrom: ReadFrom,
  primary: N,
  replicas: readonly N[],
  before: readonly N[],
): readonly N[] {
  const up = replicas.filter((node) => node.up);
  const sound = up.filter((node) => node.sound);
  const [present] = primary.up ? [primary] : [];
  if (readFrom === 'primary') return [primary];
  if (readFrom === 'replica')
    return firstOf(sound, present === undefined ? up : [primary], primary);
  const all = present === undefined ? sound : [present, ...sound];
  const chosen = firstOf(all, up, primary);
  return readFrom === 'any' ? chosen : [nearest(chosen, before)];
}

function firstOf<N>(best: readonly N[], next: readonly N[], last: N): readonly N[] {
  if (best.length > 0) return best;
  return next.length > 0 ? next : [last];
}

function nearest<N extends ReadNode>(nodes: readonly N[], before: readonly N[]): N {
  const best = nodes.reduce((one, other) => (other.tripUs < one.tripUs ? other : one));
  const kept = nodes.find(({ address }) => before.some((one) => one.address === address));
  if (kept === undefined || best.tripUs < kept.tripUs * nearerShare) return best;
  return kept;
}

/** Weight of the newest of the round trips. */
const newestWeight = 0.2;

export function smoothed(tripUs: number, newestUs: number): number {
  return Number.isFinite(tripUs) ? tripUs + newestWeight * (newestUs - tripUs) : newestUs;
}
