/** A session that caches: its reads are noted on their way, which they go as usual. */
import type { Command } from '../command/request.ts';
import type { Scene } from './scene.ts';
import { trackerOf } from './tracker.ts';

/** A detour. */
export function noteReads({ session }: Scene, command: Command): null {
  if (session.standing.tracks) trackerOf(session)?.look(command);
  return null;
}
