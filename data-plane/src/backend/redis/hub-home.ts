/** What a backend tells and does for the subscriptions at its servers. */
import type { ProcessCounters } from '../../observe/observe.ts';
import type { Turn } from '../../turn.ts';
import type { Dial } from './wire.ts';

export interface HubHome {
  readonly turn: Turn;
  readonly counters: ProcessCounters;
  readonly isCluster: boolean;
  readonly silenceMsMax: number;
  /** How long a client waits for its subscription to be confirmed. */
  readonly confirmMsMax: number;
  readonly slotOf: (bytes: Buffer, start: number, end: number) => number;
  /** Owner of `slot` as far as known; the one address of a standalone server. */
  ownerOf(slot: number): string;
  primaries(): readonly string[];
  dial(address: string): Dial;
  moved(reply: string, from: string): void;
  doubt(): void;
}
