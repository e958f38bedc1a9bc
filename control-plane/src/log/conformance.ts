/** What every event log must do, run against each adapter. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { eventBytesMax } from '@respool/contracts/events';
import { collect, patience } from '../../test/events.ts';
import { ensureLogCreated } from './genesis.ts';
import { type AppendRequest, type EventLog, LogUnreachable, type StoredBytes } from './log.ts';

/** One empty log and the means to hurt it. Faults befall the first adapter. */
export interface LogRig {
  readonly log: EventLog;
  /** Another adapter on the same log, as a second control plane has. */
  another(): Promise<EventLog>;
  failNext(...faults: readonly ('lost-ack' | 'lost-send')[]): void;
  setReachable(reachable: boolean): void;
  close(): Promise<void>;
}

function request(expected: number, overrides: Partial<AppendRequest> = {}): AppendRequest {
  const requestId = randomUUID();
  return {
    bytes: Buffer.from(JSON.stringify({ requestId, expected })),
    expected,
    requestId,
    subject: 'respool.log._global',
    signal: patience(),
    ...overrides,
  };
}

async function readAll(log: EventLog, after = 0, limit?: number): Promise<StoredBytes[]> {
  return collect(log.read(after, patience(), limit));
}

/** Requests as they stand in the log: place, bytes and nothing between them. */
function assertHolds(stored: readonly StoredBytes[], requests: readonly AppendRequest[]): void {
  const texts = stored.map(({ sequence, bytes }) => `${sequence} ${Buffer.from(bytes)}`);
  const wanted = requests.map(({ bytes }, place) => `${place + 1} ${Buffer.from(bytes)}`);
  assert.deepEqual(texts, wanted);
}

type Story = (rig: LogRig) => Promise<void>;

/** Registers the suite; `open` is called once a story and must give an empty log. */
export function testEventLog(name: string, open: () => Promise<LogRig>): void {
  for (const [title, story] of Object.entries({
    ...appendStories,
    ...faultStories,
    ...readStories,
  })) {
    test(`${name} ${title}`, async () => {
      const rig = await open();
      try {
        await story(rig);
      } finally {
        await rig.close();
      }
    });
  }
}

const appendStories: Record<string, Story> = {
  'stores events densely from 1 and gives back the same bytes': async ({ log }) => {
    const requests = [0, 1, 2].map((expected) => request(expected));
    for (const one of requests) {
      const outcome = await log.append(one);
      assert.deepEqual(outcome, { kind: 'appended', sequence: one.expected + 1 });
    }
    assertHolds(await readAll(log), requests);
    assert.equal(await log.head(patience()), 3);
  },

  'refuses an append that expects an earlier sequence': async ({ log }) => {
    await log.append(request(0));
    await log.append(request(1));
    assert.deepEqual(await log.append(request(0)), { kind: 'conflict', head: 2 });
    assert.equal(await log.head(patience()), 2);
  },

  'refuses an append that expects more than there is': async ({ log }) => {
    await log.append(request(0));
    assert.deepEqual(await log.append(request(7)), { kind: 'conflict', head: 1 });
    assert.equal(await log.head(patience()), 1);
  },

  'stores the same bytes once however often they are sent': async ({ log }) => {
    const one = request(0);
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await log.append(one), { kind: 'appended', sequence: 1 });
    }
    assertHolds(await readAll(log), [one]);
  },

  'knows a retry of the last event after others asked in vain': async ({ log }) => {
    const one = request(0);
    await log.append(one);
    await log.append(request(0));
    assert.deepEqual(await log.append(one), { kind: 'appended', sequence: 1 });
  },

  'refuses an event above the size limit before sending it': async ({ log }) => {
    const bytes = new Uint8Array(eventBytesMax + 1);
    await assert.rejects(log.append(request(0, { bytes })), RangeError);
    const largest = request(0, { bytes: Buffer.alloc(eventBytesMax, 'x') });
    assert.deepEqual(await log.append(largest), { kind: 'appended', sequence: 1 });
    assertHolds(await readAll(log), [largest]);
  },

  'neither loses nor skips with four writers on two adapters': async (rig) => {
    const second = await rig.another();
    const logs = [rig.log, second, rig.log, second];
    const stored = new Map<number, AppendRequest>();
    const write = async (log: EventLog) => {
      for (let done = 0; done < 25; ) {
        const one = request(await log.head(patience()));
        const outcome = await log.append(one);
        assert.notEqual(outcome.kind, 'unreachable');
        if (outcome.kind !== 'appended') continue;
        assert(!stored.has(outcome.sequence), `two events were told to be ${outcome.sequence}`);
        stored.set(outcome.sequence, one);
        done++;
      }
    };
    await Promise.all(logs.map(write));
    const inOrder = [...stored].sort(([a], [b]) => a - b).map(([, one]) => one);
    assert.equal(inOrder.length, 100);
    assertHolds(await readAll(second), inOrder);
    await second.close();
  },

  'gets one identity when several control planes start at once': async (rig) => {
    const logs = [rig.log, await rig.another(), await rig.another()];
    const ids = await Promise.all(
      logs.map((log) => ensureLogCreated(log, systemClock, patience())),
    );
    assert.equal(new Set(ids).size, 1);
    assert.equal(await rig.log.head(patience()), 1);
    await Promise.all(logs.slice(1).map((log) => log.close()));
  },
};

const faultStories: Record<string, Story> = {
  'finds its own event when the ack was lost': async (rig) => {
    const one = request(0);
    rig.failNext('lost-ack');
    assert.deepEqual(await rig.log.append(one), { kind: 'appended', sequence: 1 });
    assertHolds(await readAll(rig.log), [one]);
  },

  'sends again when the event never arrived': async (rig) => {
    const one = request(0);
    rig.failNext('lost-send', 'lost-send');
    assert.deepEqual(await rig.log.append(one), { kind: 'appended', sequence: 1 });
    assertHolds(await readAll(rig.log), [one]);
  },

  'yields to the event that took its place while it was lost': async (rig) => {
    const second = await rig.another();
    rig.failNext('lost-send');
    const mine = rig.log.append(request(0));
    const other = request(0);
    const [lost, won] = await Promise.all([mine, second.append(other)]);
    // Whoever came second must be told so; which one it is, is a race.
    const kinds = [lost.kind, won.kind].sort();
    assert.deepEqual(kinds, ['appended', 'conflict']);
    assert.equal(await rig.log.head(patience()), 1);
    await second.close();
  },

  'says unreachable within the deadline and recovers by itself': async (rig) => {
    await rig.log.append(request(0));
    rig.setReachable(false);
    const outcome = await rig.log.append(request(1, { signal: AbortSignal.timeout(300) }));
    assert.equal(outcome.kind, 'unreachable');
    await assert.rejects(rig.log.head(AbortSignal.timeout(200)), LogUnreachable);
    await assert.rejects(collect(rig.log.read(0, AbortSignal.timeout(200))), LogUnreachable);
    assert.equal(rig.log.reachable(), false);
    const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
    const unwatch = rig.log.watch(wake);
    rig.setReachable(true);
    await woken;
    unwatch();
    assert.equal(rig.log.reachable(), true);
    const later = await rig.log.append(request(await rig.log.head(patience())));
    assert.equal(later.kind, 'appended');
  },

  'answers at once when the deadline has passed already': async ({ log }) => {
    const signal = AbortSignal.abort();
    assert.equal((await log.append(request(0, { signal }))).kind, 'unreachable');
    await assert.rejects(log.head(signal), LogUnreachable);
    assert.equal(log.reachable(), true);
  },
};

const readStories: Record<string, Story> = {
  'reads from a sequence, up to a limit, across batches': async ({ log }) => {
    const requests = Array.from({ length: 600 }, (_, expected) => request(expected));
    for (const one of requests) await log.append(one);
    assertHolds(await readAll(log), requests);
    const middle = await readAll(log, 290, 10);
    assert.deepEqual(
      middle.map(({ sequence }) => sequence),
      Array.from({ length: 10 }, (_, place) => 291 + place),
    );
    assert.deepEqual(await readAll(log, 600), []);
    assert.deepEqual(await readAll(log, 9_999), []);
  },

  'wakes a watcher on another adapter after an append': async (rig) => {
    const second = await rig.another();
    let isWoken = false;
    const unwatch = second.watch(() => {
      isWoken = true;
    });
    // The subscription travels on another connection: the first appends may come before it.
    for (let expected = 0; !isWoken; expected++) {
      assert.equal((await rig.log.append(request(expected))).kind, 'appended');
    }
    unwatch();
    await second.close();
  },
};
