/** Commits what was acknowledged: one request under way, of all partitions that moved. */
import type { Position } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import { Gate } from './gate.ts';
import type { Holding } from './holding.ts';
import type { UnitPartition } from './partition.ts';

// Kafka neither compares nor fences commits: whoever commits last is believed. What keeps records
// from being lost is that nobody, however late, commits more than was acknowledged.

/** A refusal because of a member outside is asked about again after so long. */
const refusedMs = 1_000;
/**
 * Tries of a commit. Two seconds pass between the end of a lease and the next owner: none of ours
 * is sent after that.
 */
const commitAskMsMax = 1_500;
/** A commit that was given up, or one of an owner before us, may still arrive for so long. */
const lateMsMax = 15_000;

export class Committer {
  readonly #holding: Holding;
  readonly #gate = new Gate();
  #underWay: Promise<void> | null = null;
  #acked = 0;
  #begunAtMs = Number.NEGATIVE_INFINITY;
  /** What was committed before is committed once more then: a late one may have undone it. */
  #againAtMs: number | null = null;
  /** A member outside holds the group. */
  isRefused = false;

  constructor(holding: Holding) {
    this.#holding = holding;
  }

  /** They may be enough for a commit. */
  noteAcks(count: number): void {
    this.#acked += count;
    this.run();
  }

  /** Commits if it is time for that. */
  run(): void {
    const { mayWork, nowMs, host, topic } = this.#holding;
    if (!mayWork || this.#underWay !== null || this.#gate.isShut(nowMs)) return;
    if (!host.holds()) return;
    const { commitMsMax, commitRecords } = host.limits;
    // A small window would be shut most of the time if more had to be gathered.
    const enough = Math.min(commitRecords, Math.ceil(topic.window / 2));
    if (this.#acked < enough && nowMs - this.#begunAtMs < commitMsMax) return;
    const due = this.#due(nowMs);
    if (due.length > 0) void this.#commit(due);
  }

  /** Commits what can be, until nothing is left or it fails: before the unit is let go. */
  async flush(): Promise<void> {
    for (;;) {
      await this.quiet();
      const { mayWork, host, nowMs } = this.#holding;
      const due = this.#due(nowMs);
      if (!mayWork || !host.holds() || due.length === 0) return;
      await this.#commit(due);
      if (this.#gate.error !== null) return;
    }
  }

  /** Resolves when no commit is under way. */
  async quiet(): Promise<void> {
    while (this.#underWay !== null) await this.#underWay;
  }

  /** Places that are not reached by acknowledgements: of a beginning, or a seek. Throws. */
  async place(positions: readonly Position[]): Promise<void> {
    await this.quiet();
    const { log, group, host, counts } = this.#holding;
    if (!host.holds()) throw new KafkaError('closed', 'the position is owned no more');
    try {
      await log.commit(group, positions, Math.min(commitAskMsMax, host.limits.askMsMax));
      counts.commits++;
      this.#succeeded();
    } catch (thrown) {
      const error = asKafkaError(thrown);
      this.#failed(error);
      throw error.code === 'group-in-use' ? foreign(group, error) : error;
    }
  }

  /** An owner before us may have a commit under way. */
  expectLate(): void {
    this.#againAtMs = this.#holding.nowMs + lateMsMax;
  }

  /** The backend was replaced: what it refused says nothing of the next. */
  forgetFailures(): void {
    this.#gate.open();
  }

  #due(nowMs: number): UnitPartition[] {
    const { partitions, host } = this.#holding;
    const isAgain = this.#againAtMs !== null && nowMs >= this.#againAtMs;
    return partitions.filter(({ ledger, committedAtMs }) => {
      const isOld = nowMs - committedAtMs >= host.limits.refreshMs;
      return isAgain || isOld || ledger.watermark > ledger.confirmed;
    });
  }

  async #commit(due: readonly UnitPartition[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay = promise;
    try {
      await this.#try(due);
    } finally {
      this.#underWay = null;
      resolve();
    }
    this.#holding.changed();
    // What was acknowledged meanwhile may be enough for the next one.
    this.run();
  }

  async #try(due: readonly UnitPartition[]): Promise<void> {
    const { group, kafkaName: topic, note, host, counts, nowMs } = this.#holding;
    if (!host.holds()) return;
    this.#acked = 0;
    this.#begunAtMs = nowMs;
    const positions = due.map(({ number: partition, ledger, epochs }) => {
      const offset = ledger.watermark;
      return { topic, partition, offset, note, leaderEpoch: epochs.before(offset) };
    });
    try {
      await this.#holding.log.commit(
        group,
        positions,
        Math.min(commitAskMsMax, host.limits.askMsMax),
      );
    } catch (thrown) {
      this.#failed(asKafkaError(thrown));
      return;
    }
    counts.commits++;
    this.#succeeded();
    if (this.#againAtMs !== null && nowMs >= this.#againAtMs) this.#againAtMs = null;
    for (const [at, partition] of due.entries()) {
      if (partition.isDropped) continue;
      partition.committedAtMs = this.#holding.nowMs;
      partition.ledger.confirm(positions[at]?.offset ?? 0);
    }
  }

  #succeeded(): void {
    this.#gate.open();
    if (!this.isRefused) return;
    this.isRefused = false;
    this.#holding.notice('group-free');
  }

  #failed(error: KafkaError): void {
    const { nowMs, counts } = this.#holding;
    counts.commitErrors++;
    const isRefused = error.code === 'group-in-use';
    this.#gate.fail(error, nowMs, isRefused ? refusedMs : null);
    if (error.mayHaveHappened) this.expectLate();
    if (!isRefused || this.isRefused) return;
    this.isRefused = true;
    this.#holding.notice('group-in-use');
  }
}

/** In words for the client that waits for it: asking again helps once somebody else has acted. */
function foreign(group: string, cause: KafkaError): KafkaError {
  const message = `a consumer of another kind is in the group ${group}, and no position can be kept`;
  return new KafkaError('group-in-use', message, { cause });
}
