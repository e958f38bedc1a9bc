/** The log as a list, the state as it stood at any sequence or time, and the difference of two. */
import { diffQuery, eventsQuery, stateQuery } from '@respool/contracts/api';
import { diffAnswer, eventAnswer, eventsAnswer, stateAnswer } from '@respool/contracts/api-answers';
import type { Snapshot } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { difference } from '../difference.ts';
import type { LogFollower } from '../log/follower.ts';
import { changeView, eventView, stateView } from '../views/history.ts';
import { searchEvents } from '../views/search.ts';
import { readResponses } from './answers.ts';
import { type App, type Plane, readSignalOf, stageOf } from './app.ts';
import { ApiError } from './errors.ts';

const tags = ['history'];

export function historyResource(app: App, plane: Plane): void {
  const events = {
    tags,
    summary: 'List events, oldest first',
    querystring: eventsQuery,
    response: readResponses(eventsAnswer),
  };
  app.get('/v1/events', { schema: events }, async (request) => {
    const { follower } = stageOf(plane);
    const { items, next } = await searchEvents(
      follower,
      request.query,
      readSignalOf(plane, request),
    );
    const { sequence } = follower.state().snapshot;
    return { sequence, items: items.map(eventView), next };
  });

  const sequenceText = z.string().regex(/^[1-9]\d{0,14}$/, 'must be a sequence of 1 or more');
  const event = {
    tags,
    summary: 'Read one event',
    params: z.object({ sequence: sequenceText }),
    response: readResponses(eventAnswer),
  };
  app.get('/v1/events/:sequence', { schema: event }, async (request) => {
    const sequence = Number(request.params.sequence);
    const { follower } = stageOf(plane);
    const [stored] = await follower.eventsBetween(sequence - 1, 1, readSignalOf(plane, request));
    if (stored !== undefined) return eventView(stored);
    throw new ApiError('not-found', `the log has no event ${sequence}`);
  });

  const state = {
    tags,
    summary: 'Read the whole state, now or as of a sequence or time',
    querystring: stateQuery,
    response: readResponses(stateAnswer),
  };
  app.get('/v1/state', { schema: state }, async (request) => {
    const { follower } = stageOf(plane);
    return stateView(await stateAt(follower, request.query.at, readSignalOf(plane, request)));
  });

  const diff = {
    tags,
    summary: 'What must change to get from one state to another',
    querystring: diffQuery,
    response: readResponses(diffAnswer),
  };
  app.get('/v1/diff', { schema: diff }, async (request) => {
    const { follower } = stageOf(plane);
    const { from, to } = request.query;
    const before = await stateAt(follower, from, readSignalOf(plane, request));
    const after = await stateAt(follower, to, readSignalOf(plane, request));
    const changes = difference(before, after).map(changeView);
    return { from: before.sequence, to: after.sequence, changes };
  });
}

function stateAt(
  follower: LogFollower,
  moment: number | string | undefined,
  signal: AbortSignal,
): Promise<Snapshot> | Snapshot {
  if (moment === undefined) return follower.state().snapshot;
  if (typeof moment === 'string') return follower.stateAtTime(moment, signal);
  return follower.stateAt(moment, signal);
}
