/** The version, ROLE, MODULE LIST and LOLWUT: what a client takes this address for. */
import { redisVersion } from '@respool/contracts/commands/generated/command-table';
import { encodeReply } from '../resp/encoder.ts';
import { array, bulk, number, prose } from '../resp/values.ts';
import type { Session } from './session.ts';

/**
 * The Redis a session is told it talks to: what the oldest server of its backend is, for none but
 * those serve its commands; of the command table where that is not known, or there is no backend.
 */
export function redisVersionOf({ route }: Session): string {
  return route?.backend.serverVersion ?? redisVersion;
}

/** A primary without replicas: which servers stand behind is not the client's to care for. */
export function answerRole(session: Session): Buffer {
  return encodeReply(array([bulk('master'), number(0), array([])]), session.protocol);
}

/** None, as far as a client is concerned; COMMAND LIST FILTERBY MODULE says the same. */
export function answerModules(session: Session): Buffer {
  return encodeReply(array([]), session.protocol);
}

/** Redis draws; a proxy passes on. The last line is what tools look at. */
export function answerLolwut(session: Session): Buffer {
  const text = `clients ──► respool ──► servers\nRedis ver. ${redisVersionOf(session)}\n`;
  return encodeReply(prose(text), session.protocol);
}
