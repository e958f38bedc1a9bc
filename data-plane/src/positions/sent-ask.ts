/** One question under way: what it carries, for whom, and whether its time is over. */
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Era } from './caller.ts';
import type { Ask, SessionId, Turn, UnitName, Verdict } from './exchange.ts';
import { PositionError } from './positions.ts';
import type { Judgement, Settled } from './settlements.ts';
import type { Asker, Unanswered } from './transport.ts';
import type { Reply } from './wire.ts';

export interface AskContent extends Settled {
  readonly era: Era;
  readonly take: number;
  /** Reserved for the content of its answer. */
  readonly bytes: number;
  readonly waits: boolean;
  readonly judgements: readonly Judgement[];
  /** Number of the last caller that stood in the line. */
  readonly upTo: number;
  /** Hints that had come by then. */
  readonly hints: number;
  /** Grows from question to question of the process. */
  readonly number: number;
  /** As its owner is told; null where that takes none. */
  readonly turn: Turn | null;
}

export class SentAsk implements Asker {
  readonly content: AskContent;
  /** Answered, or given up: it is not counted as under way any more. */
  isOver = false;
  readonly #answered: (sent: SentAsk, reply: Reply) => void;
  readonly #unanswered: (sent: SentAsk, why: Unanswered) => void;

  constructor(
    content: AskContent,
    answered: (sent: SentAsk, reply: Reply) => void,
    unanswered: (sent: SentAsk, why: Unanswered) => void,
  ) {
    this.content = content;
    this.#answered = answered;
    this.#unanswered = unanswered;
  }

  get number(): number {
    return this.content.number;
  }

  /** Whoever waits for what their verdicts did is told why that is not known. */
  refuse(error: Error): void {
    for (const { reject } of this.content.judgements) reject(error);
  }

  answered(reply: Reply): void {
    this.#answered(this, reply);
  }

  unanswered(why: Unanswered): void {
    this.#unanswered(this, why);
  }
}

const none: readonly Verdict[] = [];

/** As it is put to the owner. */
export function askOf(unit: UnitName, { epoch }: Era, from: SessionId, content: AskContent): Ask {
  const { take, bytes: bytesMax, waits, judgements, turn } = content;
  const { acks, nacks, returns, doubts } = content;
  const verdicts = judgements.length === 0 ? none : judgements.flatMap((one) => one.verdicts);
  const said = { acks, nacks, returns, doubts, verdicts };
  return { unit, epoch, from, take, bytesMax, waits, ...said, turn };
}

/** Why a reply gave nothing. */
export function failureOf(reply: Exclude<Reply, { kind: 'loans' | 'fenced' }>): Error {
  if (reply.kind === 'failed') return new KafkaError(reply.code, reply.message);
  return new PositionError('no-owner', 'the owner of the position answered something else');
}

/**
 * Verdicts go by place: one that was heard and is said again is about the record as it is by then,
 * which somebody else may have been given.
 */
export function inDoubt(): PositionError {
  const unheard = 'the owner of the position did not answer; it may have been done all the same';
  return new PositionError('in-doubt', unheard);
}
