/** Proxies: who serves with which sequence, and how far one change has got. */
import { proxiesAnswer, rolloutAnswer } from '@respool/contracts/api-answers';
import { z } from 'zod';
import { readResponses } from './answers.ts';
import { type App, type Plane, stageOf } from './app.ts';
import { ApiError } from './errors.ts';

const tags = ['proxies'];

export function proxyResource(app: App, plane: Plane): void {
  const list = { tags, summary: 'List proxies', response: readResponses(proxiesAnswer) };
  app.get('/v1/proxies', { schema: list }, async () => {
    const { logId, sequence } = stageOf(plane).follower.state().snapshot;
    return { sequence, items: plane.proxies.list({ logId, sequence }) };
  });

  const sequenceText = z.string().regex(/^[1-9]\d{0,14}$/, 'must be a sequence of 1 or more');
  const rollout = {
    tags,
    summary: 'How far a change has got',
    params: z.object({ sequence: sequenceText }),
    response: readResponses(rolloutAnswer),
  };
  app.get('/v1/rollouts/:sequence', { schema: rollout }, async (request) => {
    const sequence = Number(request.params.sequence);
    const head = stageOf(plane).follower.state().snapshot;
    if (sequence <= head.sequence) return plane.proxies.rollout({ logId: head.logId, sequence });
    throw new ApiError('not-found', `the log has no change ${sequence}`);
  });
}
