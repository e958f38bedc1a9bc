/** A follower with an applier a test can hold back or refuse with, and waiting without sleeping. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type Clock, systemClock } from '@respool/contracts/clock';
import { type Ack, ack as ackShape } from '@respool/contracts/follow';
import type { Snapshot } from '@respool/contracts/snapshot';
import { ackSubject } from '@respool/contracts/subjects';
import pino from 'pino';
import { ProcessCounters } from '../observe/observe.ts';
import type { Applier, RejectedState } from '../snapshot/apply-queue.ts';
import { Follower, type FollowOptions } from '../snapshot/follow.ts';
import type { KeyReader } from '../snapshot/key-reader.ts';
import { proxyPassword } from './nats.ts';

/** Applies at once unless told otherwise; keeps what it applied. */
export class TestApplier implements Applier {
  readonly applied: Snapshot[] = [];
  /** Wrapped keys of the backends applied last, by scope. */
  readonly wrapped = new Map<string, Uint8Array | null>();
  /** Times apply was called, refused ones included. */
  calls = 0;
  running = 0;
  /** Set to refuse. */
  refusal: RejectedState | null = null;
  #gate: PromiseWithResolvers<void> | null = null;

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  async apply(next: Snapshot, signal: AbortSignal, keys: KeyReader): Promise<void> {
    this.calls += 1;
    this.running += 1;
    if (this.running > 1) throw new Error('two applies at once');
    try {
      const gone = new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (this.#gate !== null) await Promise.race([this.#gate.promise, gone]);
      signal.throwIfAborted();
      if (this.refusal !== null) throw this.refusal;
      for (const { value } of Object.values(next.backends)) {
        const scope = value.password?.keyScope;
        if (scope !== undefined) this.wrapped.set(scope, await keys.wrappedKey(scope));
      }
      this.applied.push(next);
    } finally {
      this.running -= 1;
    }
  }
}

/** Time that passes `times` as fast, for what waits seconds by design. */
export function fastClock(times: number): Clock {
  const started = Date.now();
  return {
    now: () => started + (Date.now() - started) * times,
    after: (ms, then) => systemClock.after(ms / times, then),
  };
}

export interface TestProxy {
  readonly follower: Follower;
  readonly applier: TestApplier;
  readonly counters: ProcessCounters;
}

export async function startProxy(
  url: string,
  proxyId: string,
  given: Partial<FollowOptions> = {},
  applier = new TestApplier(),
): Promise<TestProxy> {
  const counters = new ProcessCounters();
  const follower = await Follower.start({
    nats: { url, user: proxyId, password: proxyPassword },
    proxyId,
    cacheFolder: null,
    applier,
    counters,
    clock: systemClock,
    logger: pino({ level: process.env['RESPOOL_TEST_LOG'] ?? 'silent' }),
    ...given,
  });
  return { follower, applier, counters };
}

/** Collects a proxy's acks from the time it resolves. */
export async function listenAcks(admin: NatsConnection, proxyId: string): Promise<Ack[]> {
  const acks: Ack[] = [];
  admin.subscribe(ackSubject(proxyId), {
    callback: (_error, message) => {
      acks.push(ackShape.parse(message.json()));
    },
  });
  await admin.flush();
  return acks;
}

/** Rejects, showing `shown`, unless `true` comes back within the deadline. */
export async function until(
  condition: () => boolean,
  shown: () => unknown,
  msMax = 60_000,
): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${msMax} ms; now: ${JSON.stringify(shown())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Until the proxy serves exactly this state. */
export function untilServes(proxy: TestProxy, state: Snapshot, msMax?: number): Promise<void> {
  const status = () => proxy.follower.status();
  const there = () => status().hash === state.hash && status().state === 'serving';
  return until(there, () => [status(), state.sequence], msMax);
}

/** A connection with a proxy's rights only. */
export function connectAsProxy(url: string, proxyId: string): Promise<NatsConnection> {
  const credentials = { user: proxyId, pass: proxyPassword, inboxPrefix: `_INBOX_${proxyId}` };
  return connect({ servers: url, ...credentials, timeout: 20_000 });
}
