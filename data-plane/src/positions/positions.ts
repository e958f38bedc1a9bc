/** Managed positions as commands see them: records of a topic for a consumer, and what became of them. */
import type { TopicView } from '../state.ts';
import type { UnitName, Verdict } from './exchange.ts';

export interface PopWish {
  readonly unit: UnitName;
  readonly topic: TopicView;
  /** Records, at least 1. */
  readonly count: number;
  /** Of content, all records together; the first may be larger. */
  readonly bytesMax: number;
  /** How long to wait for the first record: 0 not at all, Infinity for ever. */
  readonly waitMs: number;
}

/** A record given to one caller, who says exactly once what became of it. */
export interface Delivery {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  readonly value: Buffer | null;
  /** Its reply was taken. */
  ack(): void;
  /** It was not: the record goes back, first in line. */
  nack(): void;
  /** The same where its reply did not leave whole: it may be that nobody saw it. */
  doubt(): void;
  /** The same of a record that was not even sent: it does not count as a delivery. */
  giveBack(): void;
}

export interface Popping {
  /**
   * At least one record, or none: nothing to be had within the wait. Rejects with a
   * {@link PositionError} or a KafkaError; then nothing is out.
   */
  readonly deliveries: Promise<readonly Delivery[]>;
  /**
   * The caller waits no longer. What had arrived by then is in `deliveries` all the same; what
   * arrives later goes back by itself, and `deliveries` resolves to none.
   */
  cancel(): void;
}

/**
 * `no-owner`: no proxy owns the unit within the deadline (NATS is away, or an owner just died);
 * `window-full`: too many records are out or wait to be committed. Asking again later helps.
 * `in-doubt`: what was said of records was sent, and nobody knows whether it was heard.
 */
export type PositionErrorCode = 'no-owner' | 'window-full' | 'closed' | 'in-doubt';

export class PositionError extends Error {
  override name = 'PositionError';
  readonly code: PositionErrorCode;

  constructor(code: PositionErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface Positions {
  pop(wish: PopWish): Popping;
  /**
   * KACK, KNACK of any worker, for records that are out: one answer for each, true if it was.
   * Rejects with a {@link PositionError} or a KafkaError; but for `in-doubt` nothing was done.
   */
  judge(
    unit: UnitName,
    topic: TopicView,
    verdicts: readonly Verdict[],
  ): Promise<readonly boolean[]>;
}
