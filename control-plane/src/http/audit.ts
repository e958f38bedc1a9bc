/** Is the log what was written? The whole chain and every signed checkpoint, walked on request. */
import { auditAnswer } from '@respool/contracts/api-answers';
import { NoTurn, Turns } from '../turns.ts';
import { readResponses } from './answers.ts';
import { type App, type Plane, signalOf, stageOf } from './app.ts';
import { ApiError } from './errors.ts';

/** A walk reads everything there is, so there is one at a time and few wait. */
const waitingMax = 2;

export function auditResource(app: App, plane: Plane): void {
  const turns = new Turns(waitingMax);
  const verify = {
    tags: ['history'],
    summary: 'Verify the whole log: contiguity, hash chain, signed checkpoints',
    response: readResponses(auditAnswer),
  };
  app.get('/v1/audit/verify', { schema: verify }, async (request) => {
    stageOf(plane);
    const audit = plane.audit();
    if (audit === null) throw new ApiError('log-unreachable', 'the log has not been reached yet');
    const signal = signalOf(request);
    try {
      return await turns.take(signal, () => audit(signal));
    } catch (error) {
      if (error instanceof NoTurn)
        throw new ApiError('log-contended', 'other audits are under way');
      throw error;
    }
  });
}
