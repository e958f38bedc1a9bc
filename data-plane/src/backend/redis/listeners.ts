/** What a backend says unasked: messages and changes of keys, on connections of their own. */
import type { ProcessCounters } from '../../observe/observe.ts';
import type { Turn } from '../../turn.ts';
import { Hub } from './hub.ts';
import type { Listening } from './listening.ts';
import { readRedirect } from './redirect.ts';
import type { TrackedBytes } from './tracked-keys.ts';
import { Tracking } from './tracking.ts';
import type { Dial } from './wire.ts';

/** What the backend tells and does for those who listen to it. */
export interface ListenersHome {
  readonly kind: 'standalone' | 'cluster';
  readonly turn: Turn;
  readonly counters: ProcessCounters;
  readonly limits: { readonly silenceMsMax: number; readonly commandDeadlineMs: number };
  readonly slotOf: (bytes: Buffer, start: number, end: number) => number;
  readonly tracked: TrackedBytes;
  /** The owner of `slot` as far as known; the one address of a standalone server. */
  ownerOf(slot: number): string;
  primaries(): readonly string[];
  dial(address: string, protocol: 2 | 3, database: number): Dial;
  moved(slot: number, address: string): void;
  doubt(): void;
}

export class Listeners {
  readonly subscriptions: Hub;
  readonly tracking: Tracking;

  constructor(home: ListenersHome) {
    const common = {
      turn: home.turn,
      counters: home.counters,
      isCluster: home.kind === 'cluster',
      silenceMsMax: home.limits.silenceMsMax,
      confirmMsMax: home.limits.commandDeadlineMs,
      slotOf: home.slotOf,
      tracked: home.tracked,
      ownerOf: (slot: number) => home.ownerOf(slot),
      primaries: () => home.primaries(),
      doubt: () => home.doubt(),
      moved(reply: string, from: string) {
        const redirect = readRedirect(`-${reply}`, from.slice(0, from.lastIndexOf(':')));
        if (redirect.kind !== 'moved') return;
        home.moved(redirect.slot, `${redirect.host}:${redirect.port}`);
      },
    };
    // Keyspace events and invalidations name their database, or none: 0 does for all.
    const dial = (protocol: 2 | 3) => (address: string) => home.dial(address, protocol, 0);
    this.subscriptions = new Hub({ ...common, dial: dial(2) });
    this.tracking = new Tracking({ ...common, dial: dial(3) });
  }

  /** Whether no subscriber is left. */
  get quiet(): boolean {
    return this.subscriptions.quiet;
  }

  connections(): Listening[] {
    const links = [...this.subscriptions.links, ...this.tracking.links];
    return links.map(({ connection }) => connection);
  }

  /** Slots have other owners. */
  placeAll(): void {
    this.subscriptions.placeAll();
    this.tracking.placeAll();
  }

  tick(): void {
    this.subscriptions.tick();
    this.tracking.tick();
  }

  close(): void {
    this.subscriptions.close();
    this.tracking.close();
  }
}
