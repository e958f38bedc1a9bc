/** Health and metrics, for machines: no token, no body. */
import type { App, Plane } from './app.ts';

const hidden = { schema: { hide: true } };

export function healthResource(app: App, plane: Plane): void {
  /** The process answers; nothing behind it is asked, so that a lost log does not restart it. */
  app.get('/livez', hidden, async () => ({ status: 'ok' }));

  /** Changes can be made: the log answers and is sound. */
  app.get('/readyz', hidden, async (_request, reply) => {
    const health = plane.stage()?.follower.health();
    const log = health?.reachable === true ? 'reachable' : 'unreachable';
    const isReady = log === 'reachable' && health?.corrupt === null;
    const body = {
      status: isReady ? 'ok' : 'not-ready',
      log,
      corrupt: health?.corrupt ?? null,
      sequence: health?.sequence ?? 0,
    };
    return reply.code(isReady ? 200 : 503).send(body);
  });

  app.get('/metrics', hidden, async (_request, reply) => {
    const text = await plane.metrics.metrics();
    return reply.type(plane.metrics.contentType).send(text);
  });
}
