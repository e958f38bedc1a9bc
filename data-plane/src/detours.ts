/** What looks at every admitted command off the fast lane before it goes its usual way, in order. */
import { monitorsTouchNoData } from './carry/monitor.ts';
import { noteReads } from './carry/note-reads.ts';
import { queueInTransaction } from './carry/queueing.ts';
import type { Detour } from './carry/scene.ts';
import { inSubscribeMode } from './carry/subscribe-mode.ts';

export const detours: readonly Detour[] = [
  monitorsTouchNoData,
  noteReads,
  queueInTransaction,
  inSubscribeMode,
];
