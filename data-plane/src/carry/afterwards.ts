/** What is left to do once a command of a diverted session was taken, or refused. */
import type { Command } from '../command/request.ts';
import type { Scene } from './scene.ts';
import { afterSkipping } from './silence.ts';
import { trackerOf } from './tracker.ts';

export function afterwards(scene: Scene, command: Command): void {
  const { session } = scene;
  if (!session.diverted) return;
  afterSkipping(scene);
  trackerOf(session)?.after(command);
}
