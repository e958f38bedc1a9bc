/** Tells operators what was noticed of queues: as many notices as NATS takes, the others are counted. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { Notice, StoredNotice } from '@respool/contracts/notices';
import { noticeSubject } from '@respool/contracts/subjects';

export interface NoticeSenderOptions {
  readonly proxyId: string;
  readonly connection: () => NatsConnection | null;
  /** Milliseconds since 1970: for people to read. */
  readonly now: () => number;
}

const underWayMax = 100;
const answerMsMax = 5_000;

export class NoticeSender {
  readonly #options: NoticeSenderOptions;
  #underWay = 0;
  /** Stored by the stream, and those nobody will read. */
  readonly counts = { sent: 0, lost: 0 };

  constructor(options: NoticeSenderOptions) {
    this.#options = options;
  }

  /** Returns at once, and never throws. */
  send(notice: Notice): void {
    const nc = this.#options.connection();
    if (nc === null || this.#underWay >= underWayMax) {
      this.counts.lost++;
      return;
    }
    this.#underWay++;
    void this.#store(nc, notice).then((isStored) => {
      this.#underWay--;
      if (isStored) this.counts.sent++;
      else this.counts.lost++;
    });
  }

  async #store(nc: NatsConnection, notice: Notice): Promise<boolean> {
    const { proxyId, now } = this.#options;
    const at = new Date(now()).toISOString();
    const stored = { ...notice, proxy: proxyId, at } satisfies Record<keyof StoredNotice, unknown>;
    const bytes = JSON.stringify(stored);
    try {
      const answer = await nc.request(noticeSubject(proxyId), bytes, { timeout: answerMsMax });
      return answer.json<{ readonly error?: unknown }>().error === undefined;
    } catch {
      return false;
    }
  }
}
