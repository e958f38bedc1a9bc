/** What a proxy asks of a control plane on behalf of a client: to send a consumer elsewhere (KSEEK). */
import { z } from 'zod';
import { type ErrorCode, errors } from './errors.ts';
import { sequence, tenantId, topicName, userName } from './ids.ts';
import { seekTarget } from './queues.ts';

/**
 * Request on `wishSubject(proxyId)`, JSON. The user is the consumer that is sent, and needs the
 * grant `seek`: whoever answers looks it up once more, in the state at the head of the log.
 */
export const seekWish = z.strictObject({
  tenant: tenantId,
  user: userName,
  topic: topicName,
  to: seekTarget,
  /** The same in each repetition of one wish, which is then done once. */
  requestId: z.uuid().optional(),
});
export type SeekWish = z.infer<typeof seekWish>;

const errorCode = z.enum(Object.keys(errors) as [ErrorCode, ...ErrorCode[]]);

/** `sequence`: of the event that was appended. `message` is a sentence for the client. */
export const wishAnswer = z.discriminatedUnion('ok', [
  z.strictObject({ ok: z.literal(true), sequence }),
  z.strictObject({ ok: z.literal(false), code: errorCode, message: z.string() }),
]);
export type WishAnswer = z.infer<typeof wishAnswer>;
