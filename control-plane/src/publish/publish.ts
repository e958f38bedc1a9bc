/** What follows from the log and is told to the fleet: its head, snapshots, signed checkpoints. */
import { type CheckpointKey, signCheckpoint } from '@respool/contracts/checkpoint';
import type { Clock } from '@respool/contracts/clock';
import type { Head } from '@respool/contracts/follow';
import type { Snapshot } from '@respool/contracts/snapshot';
import { headSubject } from '@respool/contracts/subjects';
import type { LogFollower } from '../log/follower.ts';
import { Cadence } from './cadence.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { SnapshotStore } from './snapshot-store.ts';

const headMs = 1_000;
const snapshotEvery = { everyEvents: 1_000, afterMs: 300_000 };
const checkpointEvery = { everyEvents: 100, afterMs: 60_000 };

export interface PublishOptions {
  readonly follower: LogFollower;
  readonly clock: Clock;
  /** Core publish; must drop, not queue, what cannot be sent now. */
  readonly send: (subject: string, bytes: Uint8Array) => void;
  readonly snapshots: SnapshotStore;
  readonly checkpoints: CheckpointStore;
  /** null where no signing key is configured: then nothing is signed. */
  readonly signingKey: CheckpointKey | null;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface Publishing {
  /** Resolves when what was under way is done. */
  stop(): Promise<void>;
}

/** Every control plane does all of this; what several of them write at once is the same. */
export async function startPublishing(options: PublishOptions): Promise<Publishing> {
  const { follower } = options;
  const cadences = [await snapshotCadence(options)];
  if (options.signingKey !== null) cadences.push(checkpointCadence(options, options.signingKey));
  const advance = (snapshot: Snapshot) => {
    // What follows from a log that contradicts itself is not worth keeping.
    if (snapshot.sequence === 0 || follower.health().corrupt !== null) return;
    for (const cadence of cadences) cadence.advance(snapshot);
  };
  const stopHeads = announceHeads(options);
  const stopListening = follower.onAdvance((_, snapshot) => advance(snapshot));
  advance(follower.state().snapshot);
  return {
    async stop() {
      stopListening();
      stopHeads();
      await Promise.all(cadences.map((cadence) => cadence.stop()));
    },
  };
}

/** On each advance and each second, so that a proxy that missed the last event learns of it. */
function announceHeads({ follower, clock, send }: PublishOptions): () => void {
  const announce = ({ logId, sequence, hash }: Head) => {
    const { reachable, corrupt } = follower.health();
    if (!reachable || corrupt !== null || sequence === 0) return;
    send(headSubject, new TextEncoder().encode(JSON.stringify({ logId, sequence, hash })));
  };
  let cancel = () => {};
  const tick = () => {
    announce(follower.state().snapshot);
    cancel = clock.after(headMs, tick);
  };
  const stopListening = follower.onAdvance((_, snapshot) => announce(snapshot));
  tick();
  return () => {
    stopListening();
    cancel();
  };
}

async function snapshotCadence({ clock, snapshots, follower, warn }: PublishOptions) {
  const latest = await snapshots.latest();
  const isOurs = latest !== null && latest.logId === follower.state().snapshot.logId;
  return new Cadence(isOurs ? latest.sequence : 0, {
    ...snapshotEvery,
    clock,
    act: (snapshot) => snapshots.write(snapshot),
    warn: (cause) => warn('the snapshot could not be stored', cause),
  });
}

function checkpointCadence({ clock, checkpoints, warn }: PublishOptions, key: CheckpointKey) {
  return new Cadence(0, {
    ...checkpointEvery,
    clock,
    async act(snapshot) {
      await checkpoints.write(signCheckpoint(snapshot, key));
      return snapshot.sequence;
    },
    warn: (cause) => warn('the checkpoint could not be stored', cause),
  });
}
