/** Names in messages between proxies: what is none becomes no part of a key or a subject. */
import { consumerName, tenantId, topicName } from '@respool/contracts/ids';
import { sessionId } from '@respool/contracts/leases';
import type { SessionId, UnitName } from './exchange.ts';
import { WireError, type WireReader, type WireWriter } from './wire-bytes.ts';

const nameBytesMax = 128;
export const sessionBytesMax = 128;
export const unitBytesMax = 3 * (nameBytesMax + 2);

export function writeUnit(to: WireWriter, { tenant, topic, consumer }: UnitName): void {
  to.text(tenant);
  to.text(topic);
  to.text(consumer);
}

/** Names become parts of keys and subjects: what is none goes no further. */
export function readUnit(from: WireReader): UnitName {
  const tenant = from.text(nameBytesMax);
  const topic = from.text(nameBytesMax);
  const consumer = from.text(nameBytesMax);
  const areNames =
    tenantId.safeParse(tenant).success &&
    topicName.safeParse(topic).success &&
    consumerName.safeParse(consumer).success;
  if (!areNames) throw new WireError('it names no unit');
  return { tenant, topic, consumer };
}

export function readSession(from: WireReader): SessionId {
  const session = from.text(sessionBytesMax);
  if (!sessionId.safeParse(session).success) throw new WireError('it names no session');
  return session;
}
