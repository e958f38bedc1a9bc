/** The stream of notices on NATS: bounded, the oldest go first. */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos, type WithRequired } from '@nats-io/transport-node';
import { noticeStream, noticeSubjects } from '@respool/contracts/subjects';
import { readMessages } from '../log/direct-read.ts';
import { persist } from '../log/patience.ts';
import type { NoticeMessage, NoticeStore } from './notices.ts';

const answerMsMax = 5_000;
const dayMs = 86_400_000;
/** Of one message with its headers. */
const messageBytesMax = 8_192;

function streamConfig(replicas: number): WithRequired<Partial<StreamConfig>, 'name'> {
  return {
    name: noticeStream,
    description: 'respool: what proxies noticed of queues',
    subjects: [noticeSubjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    max_age: nanos(30 * dayMs),
    max_msgs: 100_000,
    max_msg_size: messageBytesMax,
    allow_direct: true,
    compression: StoreCompression.S2,
  };
}

export class NoticeStream implements NoticeStore {
  readonly #manager: JetStreamManager;

  private constructor(manager: JetStreamManager) {
    this.#manager = manager;
  }

  /** Opens the stream, creating it with `replicas` when it is absent; one that is there stays. */
  static async open(connection: NatsConnection, replicas: number): Promise<NoticeStream> {
    const options = { timeout: answerMsMax, checkAPI: false };
    const manager = await jetstreamManager(connection, options);
    await manager.streams.info(noticeStream).catch((error: unknown) => {
      const isAbsent =
        error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
      if (!isAbsent) throw error;
      return manager.streams.add(streamConfig(replicas));
    });
    return new NoticeStream(manager);
  }

  read(after: number, limit: number, signal: AbortSignal): Promise<readonly NoticeMessage[]> {
    const attempt = async () => {
      const { state } = await this.#manager.streams.info(noticeStream);
      const from = Math.max(after + 1, state.first_seq);
      if (from > state.last_seq) return [];
      const found = await readMessages(
        this.#manager,
        { stream: noticeStream, from, limit },
        signal,
      );
      return found.map(({ seq: sequence, subject, data: bytes }) => ({ sequence, subject, bytes }));
    };
    // What goes of age between the two questions is an error once, and not the second time.
    return persist(signal, attempt, () => false);
  }
}
