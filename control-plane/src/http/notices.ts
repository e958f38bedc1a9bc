/** What proxies noticed of queues, for operators. */
import { noticesAnswer, noticesQuery } from '@respool/contracts/notices';
import { searchNotices } from '../notices/notices.ts';
import { readResponses } from './answers.ts';
import { type App, type Plane, readSignalOf } from './app.ts';
import { ApiError } from './errors.ts';

export function noticeResource(app: App, plane: Plane): void {
  const schema = {
    tags: ['topics'],
    summary: 'List what proxies noticed of queues, oldest first',
    querystring: noticesQuery,
    response: readResponses(noticesAnswer),
  };
  app.get('/v1/notices', { schema }, async (request) => {
    const store = plane.notices();
    if (store === null) throw new ApiError('log-unreachable', 'NATS has not been reached yet');
    return await searchNotices(store, request.query, readSignalOf(plane, request));
  });
}
