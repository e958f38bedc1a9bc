/** Brings a unit to where it can serve: loads it, seeks, looks whether its topic is the same still. */
import { asKafkaError } from '@respool/kafka/kafka-error';
import type { Committer } from './committer.ts';
import { Gate } from './gate.ts';
import type { Holding } from './holding.ts';
import { Loader } from './loader.ts';

/** The topic of a unit in use is looked at so often: partitions may be added. */
const checkMs = 30_000;
/** After an error that hints at a change, but no more often than that. */
const checkMsMin = 1_000;

export class Course {
  readonly #holding: Holding;
  readonly #loader: Loader;
  readonly gate = new Gate();
  #needsLoad = true;
  #needsCheck = false;
  /** The log ends before what was read of it: under the same id it was cut off. */
  #isCutOff = false;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #restedAtMs = Number.NEGATIVE_INFINITY;
  #isRunning = false;

  constructor(holding: Holding, committer: Committer) {
    this.#holding = holding;
    this.#loader = new Loader(holding, committer);
  }

  /** What a look at a log or an error says: see `Doubt`. */
  doubt(isCutOff: boolean): void {
    this.#needsCheck = true;
    if (isCutOff) {
      this.#isCutOff = true;
      this.#holding.isBound = false;
    }
    this.run();
  }

  /** The topic is another one now: by its name in Kafka. */
  reload(): void {
    this.#needsLoad = true;
    this.#holding.isLoaded = false;
    this.#restart();
  }

  /** The backend was replaced: nothing is read or committed before the topic was found there. */
  rebind(): void {
    this.gate.open();
    this.lookFirst();
  }

  /** Nobody looked for long: nothing is given out before the topic was found to be the same. */
  lookFirst(): void {
    this.#holding.isBound = false;
    this.#needsCheck = true;
    this.run();
  }

  /** There is a seek to be done. */
  seek(): void {
    this.#holding.isLoaded = false;
    this.#restart();
  }

  /** Now and then, while the unit is in use or a seek is to be done. */
  tick(): void {
    const { nowMs } = this.#holding;
    if (nowMs - this.#checkedAtMs >= checkMs) this.#needsCheck = true;
    this.run();
  }

  /**
   * Now and then, while nobody asks: what failed then is tried again, seldom, since nothing is
   * committed before it succeeds, neither what was acknowledged nor what would expire.
   */
  rest(): void {
    const { nowMs } = this.#holding;
    if (nowMs - this.#restedAtMs < checkMs) return;
    this.#restedAtMs = nowMs;
    this.run();
  }

  /** Goes on with what there is to do, unless that failed a moment ago. */
  run(): void {
    const { isFenced, nowMs } = this.#holding;
    if (this.#isRunning || isFenced || !this.#hasWork || this.gate.isShut(nowMs)) return;
    void this.#run();
  }

  /** Resolves once nothing is under way. */
  async quiet(): Promise<void> {
    while (this.#isRunning) await this.#holding.change(this.#holding.host.limits.askMsMax);
  }

  get #hasWork(): boolean {
    const { isBound, nowMs, wantsSeek } = this.#holding;
    const mayCheck = !isBound || nowMs - this.#checkedAtMs >= checkMsMin;
    return this.#needsLoad || wantsSeek || (this.#needsCheck && mayCheck);
  }

  #restart(): void {
    this.gate.open();
    this.run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#hasWork && !this.#holding.isFenced) await this.#stepHere();
      this.gate.open();
      this.#holding.isLoaded = !this.#holding.isFenced;
    } catch (thrown) {
      this.gate.fail(asKafkaError(thrown), this.#holding.nowMs);
    } finally {
      this.#isRunning = false;
    }
    this.#holding.changed();
  }

  /** What failed at a place that the topic has left meanwhile says nothing of the next. */
  async #stepHere(): Promise<void> {
    const isReplaced = this.#holding.replacement();
    try {
      await this.#step();
    } catch (error) {
      if (!isReplaced()) throw error;
    }
  }

  async #step(): Promise<void> {
    const holding = this.#holding;
    if (this.#needsLoad) {
      const { backend } = holding.topic;
      this.#needsLoad = false;
      await this.#loader.load().catch((error) => {
        this.#needsLoad = true;
        throw error;
      });
      this.#checkedAtMs = holding.nowMs;
      this.#isCutOff = false;
      // Unless another backend came meanwhile, a look would find what it was loaded from.
      if (holding.topic.backend !== backend) return;
      this.#needsCheck = false;
      holding.isBound = true;
    } else if (holding.wantsSeek && holding.isBound) {
      await this.#loader.seek();
    } else {
      await this.#check();
    }
  }

  async #check(): Promise<void> {
    const holding = this.#holding;
    const { log, kafkaName, host } = holding;
    const isCutOff = this.#isCutOff;
    try {
      const { topicId, partitions } = await log.topic(kafkaName, host.limits.askMsMax);
      this.#checkedAtMs = holding.nowMs;
      // Another backend came meanwhile.
      if (holding.topic.backend?.log !== log) return;
      this.#needsCheck = false;
      this.#isCutOff = false;
      if (topicId !== holding.topicId || isCutOff) {
        this.#needsLoad = true;
        holding.isLoaded = false;
        return;
      }
      holding.isBound = true;
      await this.#loader.grow(partitions.map(({ partition }) => partition));
    } catch (thrown) {
      const error = asKafkaError(thrown);
      if (error.code === 'topic-unknown') {
        this.#needsLoad = true;
        holding.isLoaded = false;
      }
      throw error;
    }
  }
}
