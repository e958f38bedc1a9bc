/** The two sides of a comparison: a plain redis-server, and what must answer like it. */
import type { RawClient } from '../topology/raw-client.ts';

export interface Target {
  readonly name: string;
  readonly route: 'standalone' | 'cluster';
  readonly isolation: 'prefix' | 'db' | 'dedicated';
  readonly protocol: 2 | 3;
  readonly plain: Side;
  readonly proxied: Side;
}

export interface Side {
  connect(): Promise<RawClient>;
  /** Empties it of everything, keys of bystanders put back; no connection of a program is open. */
  reset(): Promise<void>;
  /** What is not the program's and must be as `reset` left it; null when it is. */
  disturbed(): Promise<string | null>;
  /** Clients that wait in a blocking command, over all its servers. */
  blocked(): Promise<number>;
}
