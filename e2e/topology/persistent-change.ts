/** A change that is asked for until it is acknowledged, at one control plane or another. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Api, ApiAnswer } from './api.ts';

export interface Acknowledged {
  readonly id: string;
  readonly sequence: number;
  readonly attempts: number;
}

/** Of one change, half a second apart: whatever was away is back long before. */
const attemptsMax = 240;

/**
 * Puts the tenant `t-<index>`, with one Idempotency-Key throughout, turning to the next of `planes`
 * each time. Answers other than success and 503 are added to `unexpected`.
 */
export async function changeUntilAcknowledged(
  planes: readonly Api[],
  index: number,
  unexpected: string[],
): Promise<Acknowledged> {
  const id = `t-${index}`;
  const headers = { 'idempotency-key': randomUUID() };
  const body = { isolation: { mode: 'prefix', prefix: `${id}:` } };
  for (let attempts = 1; ; attempts += 1) {
    const api = planes[(index + attempts) % planes.length] as Api;
    const answer = await api
      .request('PUT', `/v1/tenants/${id}`, body, { headers })
      .catch(() => null);
    if (answer !== null && (answer.status === 200 || answer.status === 201)) {
      return { id, sequence: sequenceOf(answer), attempts };
    }
    if (answer !== null && answer.status !== 503) {
      unexpected.push(`${answer.status} ${JSON.stringify(answer.body)}`);
    }
    if (attempts === attemptsMax)
      throw new Error(`${id}: not acknowledged after ${attempts} attempts`);
    await pause(Math.min(20 * attempts, 500));
  }
}

export function sequenceOf(answer: ApiAnswer): number {
  return (answer.body as { sequence: number }).sequence;
}
