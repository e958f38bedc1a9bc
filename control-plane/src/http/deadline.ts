/** Every request ends in time: answered, or told that it took too long. */
import type { App } from './app.ts';
import { ApiError } from './errors.ts';

/**
 * Fastify's own `handlerTimeout` and `request.signal` end with the request's stream, which is
 * closed as soon as a body has been read; this ends with the answer.
 */
export function limitTime(app: App, msMax: number): void {
  app.decorateRequest('deadline', null);
  app.decorateRequest('deadlineAt', 0);
  app.addHook('onRequest', async (request, reply) => {
    const ending = new AbortController();
    request.deadline = ending.signal;
    request.deadlineAt = Date.now() + msMax;
    const timer = setTimeout(() => {
      ending.abort();
      if (reply.sent) return;
      // What is left of its body is not waited for.
      if (!request.raw.complete) void reply.header('connection', 'close');
      const message = `the request was not done within ${msMax / 1_000} s`;
      void reply.send(new ApiError('request-deadline', message));
    }, msMax);
    reply.raw.once('close', () => {
      clearTimeout(timer);
      ending.abort();
    });
  });
}
