/** How proxies speak about a unit: what is asked of the one that owns it, and what it answers. */
import type { KafkaErrorCode } from '@respool/kafka/kafka-error';

/**
 * One position: a consumer of a topic. At any time at most one proxy owns it and gives out its
 * records; truth is the committed offset of the consumer's Kafka group alone.
 */
export interface UnitName {
  readonly tenant: string;
  /** As clients call it. */
  readonly topic: string;
  readonly consumer: string;
}

/** For maps, and for keys on NATS: no name holds a slash. */
export function unitKey({ tenant, topic, consumer }: UnitName): string {
  return `${tenant}/${topic}/${consumer}`;
}

/** One beginning of one proxy, `<proxy id>.<nonce>`: what it was lent ends with it. */
export type SessionId = string;

/** A record on loan: given out, and given back unless it is acknowledged. */
export interface Loan {
  /** Never the same twice within an epoch. */
  readonly id: number;
  readonly partition: number;
  readonly offset: number;
  /** 1 for the first time it is given out. */
  readonly deliveries: number;
  /** Null is a tombstone; `'elsewhere'`: too large to be sent along, to be read at its offset. */
  readonly value: Buffer | null | 'elsewhere';
}

/** What became of a loan. `return`: nobody saw it. `doubt`: given back, and seen by nobody perhaps. */
export type Outcome = 'ack' | 'nack' | 'return' | 'doubt';

/** What a worker says of a record by its place: KACK, KNACK. */
export interface Verdict {
  readonly partition: number;
  readonly offset: number;
  readonly done: boolean;
}

/**
 * Which of its session's questions about a unit one is, and which answers were given up: what was
 * lent with an answer that nobody will take must not stay out until its time is over.
 */
export interface Turn {
  /** Grows from question to question of a session; what comes with an older one came too late. */
  readonly number: number;
  /** The first that may still be answered: those before it were, but for the lost. */
  readonly oldest: number;
  /** Given up: what was lent for these reached nobody, and what still arrives of them is refused. */
  readonly lost: readonly number[];
}

/** Asked of the owner. Everything in it may arrive twice, or after it was given up. */
export interface Ask {
  readonly unit: UnitName;
  /** The ownership it is meant for; any other owner answers `fenced` and changes nothing. */
  readonly epoch: number;
  readonly from: SessionId;
  /** Records wanted now; 0 only settles. */
  readonly take: number;
  /** Of content, all loans of the answer together; the first may be larger. */
  readonly bytesMax: number;
  /** Callers wait: the owner calls {@link Hint} once there may be something for them. */
  readonly waits: boolean;
  /** Loans that are settled, and loans that are given back. Unknown ones are ignored. */
  readonly acks: readonly number[];
  readonly nacks: readonly number[];
  /** Loans that reached no client: they are given back, and do not count as deliveries. */
  readonly returns: readonly number[];
  /** Loans that no client took whole: given back, and dropped by no count of these. */
  readonly doubts: readonly number[];
  readonly verdicts: readonly Verdict[];
  /** Null where no answer can be lost, and of proxies of an earlier build. */
  readonly turn: Turn | null;
}

/**
 * Why fewer loans than asked for came. `ready`: there is more, ask again. `empty`: the ends of all
 * partitions were looked at after the question came, and nothing was left to give out. `full`: as
 * many records as the window allows are out, or done and not committed yet.
 */
export type Rest = 'ready' | 'empty' | 'full';

export type Answer =
  | {
      readonly kind: 'loans';
      readonly loans: readonly Loan[];
      readonly rest: Rest;
      /** One for each verdict: false where the record was not out. */
      readonly judged: readonly boolean[];
    }
  /** It is not, or no longer, the owner of this epoch. */
  | { readonly kind: 'fenced' }
  | { readonly kind: 'failed'; readonly code: KafkaErrorCode; readonly message: string };

/** From an owner to a proxy whose callers wait: ask again. It may be lost; then they ask in a second. */
export interface Hint {
  readonly unit: UnitName;
  readonly epoch: number;
}
