/** Answers what proxies ask on behalf of clients: a KSEEK becomes an event. */
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { proxyId } from '@respool/contracts/ids';
import { wishSubject, wishSubjects } from '@respool/contracts/subjects';
import { type SeekWish, seekWish, type WishAnswer } from '@respool/contracts/wishes';
import type { Logger } from 'pino';
import { change, type Stage } from '../change.ts';
import { apiErrorOf } from '../http/errors.ts';

export interface WishOptions {
  readonly stage: Stage;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /** One wish, from here to its answer; shorter than a proxy waits for it. */
  readonly wishMsMax: number;
}

/** One control plane of all answers each wish. */
const queue = 'respool-control-planes';
const inFlightMax = 256;
/** Room for an offset in each of 4,096 partitions. */
const wishBytesMax = 512 * 1024;

/** Answers until the function that comes back is called, which waits for what is under way. */
export function answerWishes(
  connection: Pick<NatsConnection, 'subscribe' | 'isClosed'>,
  options: WishOptions,
): () => Promise<void> {
  const underWay = new Set<Promise<void>>();
  const subscription = connection.subscribe(wishSubjects, {
    queue,
    callback: (error, message) => {
      if (error !== null) return;
      if (underWay.size >= inFlightMax) {
        answer(message, { ok: false, code: 'log-contended', message: 'too many seeks wait' });
        return;
      }
      const work = grant(message, options).finally(() => underWay.delete(work));
      underWay.add(work);
    },
  });
  return async () => {
    if (!connection.isClosed()) subscription.unsubscribe();
    await Promise.all(underWay);
  };
}

async function grant(message: Msg, options: WishOptions): Promise<void> {
  const proxy = message.subject.slice(message.subject.lastIndexOf('.') + 1);
  const wish = readWish(message.data);
  if (wish === null || !proxyId.safeParse(proxy).success) {
    const told = 'this is no wish that this control plane understands';
    answer(message, { ok: false, code: 'body-invalid', message: told });
    return;
  }
  answer(message, await seek(wish, proxy, options));
}

async function seek(
  { requestId, ...wish }: SeekWish,
  proxy: string,
  { stage, logger, wishMsMax }: WishOptions,
): Promise<WishAnswer> {
  const { tenant, user, topic } = wish;
  const about = { tenant, user, topic, proxy };
  try {
    const outcome = await change(stage, {
      actor: `${tenant}.${user}`,
      reason: `KSEEK by way of proxy ${proxy}`,
      intent: { kind: 'seek', seek: wish },
      idempotency: requestId === undefined ? null : idempotencyOf(stage, requestId, proxy, wish),
      signal: AbortSignal.timeout(wishMsMax),
    });
    if (outcome.kind !== 'refused') {
      logger.info({ ...about, sequence: outcome.sequence }, 'a client sought');
      return { ok: true, sequence: outcome.sequence };
    }
    const { code, message } = outcome;
    logger.info({ ...about, code }, 'a seek was refused');
    return { ok: false, code, message };
  } catch (error) {
    const { code, message } = apiErrorOf(error);
    if (code === 'internal') logger.error({ ...about, err: error }, 'a seek failed');
    return { ok: false, code, message };
  }
}

function idempotencyOf(stage: Stage, key: string, proxy: string, wish: object) {
  return { key, requestHash: stage.vault.requestHash('WISH', wishSubject(proxy), '', wish) };
}

/** Null for what is no wish. */
function readWish(data: Uint8Array): SeekWish | null {
  if (data.length > wishBytesMax) return null;
  try {
    const parsed = seekWish.safeParse(JSON.parse(new TextDecoder().decode(data)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Nobody waits for one that is not asked for, nor behind a connection that was closed meanwhile. */
function answer(message: Msg, content: WishAnswer): void {
  try {
    message.respond(JSON.stringify(content));
  } catch {
    // The proxy says by itself that nobody answered.
  }
}
