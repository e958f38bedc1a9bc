/** Shut for a while after something failed, a little longer each time. */
import type { KafkaError } from '@respool/kafka/kafka-error';

const pauseMsMin = 100;
const pauseMsMax = 5_000;

export class Gate {
  #untilMs = Number.NEGATIVE_INFINITY;
  #pauseMs = pauseMsMin;
  /** What failed last; null once it succeeded again. */
  error: KafkaError | null = null;

  isShut(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** `pauseMs` where the pause does not grow. */
  fail(error: KafkaError, nowMs: number, pauseMs: number | null = null): void {
    this.error = error;
    this.#untilMs = nowMs + (pauseMs ?? this.#pauseMs);
    this.#pauseMs = Math.min(pauseMsMax, this.#pauseMs * 2);
  }

  open(): void {
    this.error = null;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#pauseMs = pauseMsMin;
  }
}
