/** What the bench needs to know of a thing under load; each target is one file beside this one. */
import type { Backend } from '../backends.ts';
import type { BackendKind } from '../cases.ts';
import type { Endpoint } from '../load.ts';
import type { Scope } from '../scope.ts';
import type { Tools } from '../tools.ts';

export const targetNames = ['respool', 'redis', 'nutcracker', 'envoy'] as const;
export type TargetName = (typeof targetNames)[number];

export interface TargetContext {
  scope: Scope;
  tools: Tools;
  /** The servers of one kind, started on first use and shared by every target of a table. */
  backend: (kind: BackendKind) => Promise<Backend>;
  /** A proxy entry file other than the one of this tree; null for that one. */
  proxyEntry: string | null;
  /** Flags for the proxy's own Node, such as `--cpu-prof`. */
  nodeFlags: readonly string[];
}

export interface RunningTarget {
  name: TargetName;
  /** Several settings of one peer run as several targets; empty for the way it comes. */
  variant: string;
  endpoint: Endpoint;
  /** The process whose CPU time is counted, with its threads and children. */
  pid: number;
  /** Aborted when that process ends: no load waits for one that is dead. */
  gone: AbortSignal;
  backend: Backend;
  /** What the target puts in front of each key on the backend. */
  keyPrefix: string;
}

export interface Target {
  name: TargetName;
  /** How it was set up, in a sentence for the report. */
  setup: string;
  /** Which of its backends stand in the table of `table`; empty where it has nothing to show. */
  start: (context: TargetContext, table: 'standalone' | 'cluster') => Promise<RunningTarget[]>;
  version: (tools: Tools) => Promise<string>;
}
