/** Events for tests of the log: a writer that chains them, as the change spine does. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { hashOf } from '@respool/contracts/chain';
import { type Clock, systemClock } from '@respool/contracts/clock';
import type { Tenant } from '@respool/contracts/entities';
import {
  type ConfigurationChanged,
  type EntityChange,
  genesisHash,
  writeEvent,
} from '@respool/contracts/events';
import { tenantId } from '@respool/contracts/ids';
import { logSubject } from '@respool/contracts/subjects';
import { ensureLogCreated } from '../src/log/genesis.ts';
import type { AppendRequest, EventLog } from '../src/log/log.ts';

/** For what takes milliseconds, or seconds on a machine that stood still for a while. */
export const patience = (): AbortSignal => AbortSignal.timeout(60_000);

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

export function tenantOf(name: string, description = ''): Tenant {
  const isolation = { mode: 'prefix', prefix: `${name}:` } as const;
  const id = tenantId.parse(name);
  return { id, enabled: true, isolation, description, crossSlot: 'emulate' };
}

export function putTenant(name: string, description = ''): EntityChange {
  return { op: 'put', kind: 'tenant', id: name, after: tenantOf(name, description) };
}

type Details = Partial<Omit<ConfigurationChanged, 'prev' | 'type' | 'version'>>;

/** Event bytes as the change spine would write them after an event with hash `prev`. */
export function changeBytes(prev: string, details: Details = {}): Uint8Array {
  return writeEvent({
    type: 'ConfigurationChanged',
    version: 2,
    requestId: randomUUID(),
    at: new Date().toISOString(),
    actor: 'test',
    reason: '',
    changes: [putTenant('t')],
    ...details,
    prev,
  });
}

/** Appends to one log, alone, and keeps count of where it stands. */
export class Writer {
  readonly #log: EventLog;
  sequence = 0;
  hash = genesisHash;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** A writer on a log that has its first event. */
  static async start(log: EventLog, clock: Clock = systemClock): Promise<Writer> {
    await ensureLogCreated(log, clock, patience());
    const writer = new Writer(log);
    for await (const { sequence, bytes } of log.read(0, patience())) {
      writer.sequence = sequence;
      writer.hash = hashOf(bytes);
    }
    return writer;
  }

  async change(details: Details = {}): Promise<void> {
    await this.raw(changeBytes(this.hash, details), details.requestId);
  }

  async changes(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      await this.change({ changes: [putTenant(`t${done % 7}`, String(done))] });
    }
  }

  /** Whatever bytes, right or wrong. */
  async raw(bytes: Uint8Array, requestId: string = randomUUID()): Promise<void> {
    const outcome = await this.#log.append(this.#request(bytes, requestId));
    assert.deepEqual(outcome, { kind: 'appended', sequence: this.sequence + 1 });
    this.sequence++;
    this.hash = hashOf(bytes);
  }

  #request(bytes: Uint8Array, requestId: string): AppendRequest {
    const subject = logSubject(null);
    return { bytes, expected: this.sequence, requestId, subject, signal: patience() };
  }
}
