/** What one tenant's consumers did with records of managed positions, as counts. */

/** All only grow, save `blocked` and `out`, which say "now". */
export class QueueCounts {
  /** Records whose reply was made. */
  pops = 0;
  /** KPOPs that found nothing. */
  empty = 0;
  /** Records of `pops` that had been given out before. */
  redeliveries = 0;
  /** Records settled: their reply was taken, or by KACK. */
  acks = 0;
  /** Records given back: their reply was not taken, or by KNACK. */
  nacks = 0;
  /** KPOPs that wait now, by BLOCK. */
  blocked = 0;
  /** Records whose reply is made, and not known to be taken yet. */
  out = 0;
}
