/** Kafka as the control plane meets it: topics before they are configured, and after they are gone. */
import type { KafkaBackend } from '@respool/contracts/entities';
import type { Snapshot } from '@respool/contracts/snapshot';
import type { KafkaGateway } from '@respool/kafka/gateway';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Vault } from '../secrets/vault.ts';
import { Gateways, type GatewaysOptions } from './gateways.ts';
import type { TopicNeed } from './needs.ts';
import { type KafkaRefusal, kafkaErrorCode, kafkaMessage } from './refusal.ts';
import { shapeTopic, type TimeLeft } from './shape.ts';

export interface KafkaOptions extends Pick<GatewaysOptions, 'clock' | 'open'> {
  readonly vault: Vault;
  /** Everything one request asks of Kafka, together. */
  readonly deadlineMs: number;
}

/** A failure of Kafka with the backend it belongs to; its message is for operators. */
export class KafkaFailure extends Error {
  override name = 'KafkaFailure';
  readonly code: ReturnType<typeof kafkaErrorCode>;

  constructor(backend: string, cause: KafkaError) {
    super(kafkaMessage(cause, backend), { cause });
    this.code = kafkaErrorCode(cause);
  }
}

const idleMsMax = 60_000;
const gatewaysMax = 64;
/** Topics of one change that are worked on at once. */
const shapedAtOnce = 8;

export class Kafka {
  readonly #options: KafkaOptions;
  readonly #gateways: Gateways;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#gateways = new Gateways({ ...options, idleMsMax, gatewaysMax });
  }

  /** Null once Kafka has every topic as the change wants it; the first refusal otherwise. */
  async prepare(
    { logId }: Pick<Snapshot, 'logId'>,
    needs: readonly TopicNeed[],
    signal: AbortSignal,
  ): Promise<KafkaRefusal | null> {
    const timeLeft = this.#timeLeft(signal);
    const waiting = needs.values();
    const refusals: KafkaRefusal[] = [];
    const worker = async () => {
      for (const need of waiting) {
        if (refusals.length > 0) return;
        const refusal = await this.#shape(logId, need, signal, timeLeft);
        if (refusal !== null) refusals.push(refusal);
      }
    };
    await Promise.all(Array.from({ length: shapedAtOnce }, worker));
    return refusals[0] ?? null;
  }

  /**
   * `work` with the backend's gateway and the time it has. Throws {@link KafkaFailure}, also when
   * `signal` fires first.
   */
  async with<T>(
    { logId }: Pick<Snapshot, 'logId'>,
    backend: KafkaBackend,
    signal: AbortSignal,
    work: (gateway: KafkaGateway, timeLeft: TimeLeft) => Promise<T>,
  ): Promise<T> {
    const timeLeft = this.#timeLeft(signal);
    return await this.#with(logId, backend, signal, (gateway) => work(gateway, timeLeft));
  }

  async close(): Promise<void> {
    await this.#gateways.close();
  }

  async #shape(
    logId: string,
    need: TopicNeed,
    signal: AbortSignal,
    timeLeft: TimeLeft,
  ): Promise<KafkaRefusal | null> {
    const { backend, topic } = need;
    try {
      return await this.#with(logId, backend, signal, (gateway) =>
        shapeTopic(gateway, need, timeLeft),
      );
    } catch (error) {
      if (!(error instanceof KafkaFailure)) throw error;
      const message = `topic ${topic.tenant}/${topic.name} was not changed: ${error.message}`;
      return { kind: 'refused', code: error.code, message };
    }
  }

  async #with<T>(
    logId: string,
    backend: KafkaBackend,
    signal: AbortSignal,
    work: (gateway: KafkaGateway) => Promise<T>,
  ): Promise<T> {
    const passwordOf = (of: KafkaBackend) => this.#options.vault.openPassword(logId, of, signal);
    try {
      return await unlessAborted(signal, this.#gateways.use(backend, passwordOf, work));
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      throw new KafkaFailure(backend.id, error);
    }
  }

  #timeLeft(signal: AbortSignal): TimeLeft {
    const { clock, deadlineMs } = this.#options;
    const end = clock.now() + deadlineMs;
    return () => (signal.aborted ? 1 : Math.max(1, end - clock.now()));
  }
}

/** A call to Kafka ends by itself, soon after nobody waits for it. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const give = () => reject(new KafkaError('deadline', 'the time of the request is over'));
  if (signal.aborted) give();
  else signal.addEventListener('abort', give, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', give));
}
