/** What a unit needs of its proxy, and what its proxy does with it: the two sides of owning one. */
import type { Clock } from '@respool/contracts/clock';
import type { Notice } from '@respool/contracts/notices';
import type { TopicView } from '../state.ts';
import type { Answer, Ask, SessionId, UnitName } from './exchange.ts';

export interface OwnerLimits {
  /** Acknowledged and not committed for so long at most, as far as Kafka answers. */
  readonly commitMsMax: number;
  /** Records acknowledged that make a commit worth it at once. */
  readonly commitRecords: number;
  /** Records read ahead of what is given out: bytes of one unit, and of all together. */
  readonly aheadBytesMax: number;
  readonly processAheadBytesMax: number;
  /** In `auto`: how long a record may be out. */
  readonly loanMsMax: number;
  /** A committed offset that does not move is committed again after so long (its group expires). */
  readonly refreshMs: number;
  /** One question to Kafka. */
  readonly askMsMax: number;
}

/** What the proxy does for a unit it owns. */
export interface OwnerHost {
  /** Its time never steps; where it begins means nothing. */
  readonly clock: Clock;
  readonly limits: OwnerLimits;
  /** Bytes read ahead by all units of the process. */
  readonly ahead: { bytes: number };
  /** Whether the lease still holds; false stops every commit and every loan, for good. */
  holds(): boolean;
  /** Whether a proxy is known to be gone, so that what it was lent comes back. */
  isGone(session: SessionId): boolean;
  /** Asks `session` to come again. */
  hint(session: SessionId, unit: UnitName, epoch: number): void;
  /** Remembers beside the lease that the seek of this generation was done; rejects when fenced. */
  noteSeek(unit: UnitName, generation: number): Promise<void>;
  notice(notice: Notice): void;
}

export interface OwnerStart {
  readonly unit: UnitName;
  readonly epoch: number;
  /** Generation of the last seek known to be done, from the lease; 0 is none. */
  readonly seek: number;
}

/** `loading` until the position is known; `fenced` is the end. */
export type OwnerState = 'loading' | 'serving' | 'draining' | 'fenced';

/** The owned unit: a ledger per partition, a reader ahead of it, a committer behind it. */
export interface Owner {
  readonly unit: UnitName;
  readonly epoch: number;
  readonly state: OwnerState;
  /** Since when nobody has needed it, in ms; 0 while it holds what another owner would not know of. */
  readonly unusedMs: number;
  /** Never rejects. While loading it waits for that, within its deadline. */
  exchange(ask: Ask): Promise<Answer>;
  /** The configuration changed: another window, another backend, a seek. Null: the topic is gone. */
  follow(topic: TopicView | null): void;
  /** Called now and then, some ten times a second: deadlines of loans, sessions gone, commits due. */
  tick(): void;
  /** Gives out nothing more, waits for acknowledgements up to `ms`, commits, ends. */
  drain(ms: number): Promise<void>;
  /** The lease is lost: forgets everything, commits nothing. */
  fence(): void;
  sample(): OwnerSample;
}

export interface OwnerSample {
  readonly unit: UnitName;
  readonly epoch: number;
  readonly state: OwnerState;
  readonly out: number;
  readonly redeliveries: number;
  readonly skipped: number;
  readonly deadLetters: number;
  readonly commits: number;
  readonly commitErrors: number;
}
