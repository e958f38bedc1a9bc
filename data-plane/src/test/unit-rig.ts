/** An owned unit on a clock of the test's own, before a Kafka in memory. */

import assert from 'node:assert/strict';
import type { Notice } from '@respool/contracts/notices';
import { consumerGroup } from '@respool/contracts/queues';
import type { NewRecord } from '@respool/kafka/gateway';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { KafkaBackend } from '../backend/kafka/kafka.ts';
import type { Answer, Ask, Loan, SessionId, UnitName } from '../positions/exchange.ts';
import type { OwnerHost, OwnerLimits, OwnerStart } from '../positions/owner.ts';
import { defaultOwnerLimits, UnitOwner } from '../positions/unit.ts';
import { readSettings } from '../settings.ts';
import type { TenantView, TopicView } from '../state.ts';
import { quietAsk } from './quiet-ask.ts';
import { VirtualClock } from './virtual-clock.ts';

const unit = { tenant: 'shop', topic: 'orders', consumer: 'worker' };
export const group = consumerGroup(unit.tenant, unit.consumer);
export const kafkaName = 'shop.orders';

export const { kafka: limits } = readSettings({
  RESPOOL_MASTER_KEY: Buffer.alloc(32).toString('base64'),
});

export class UnitRig {
  readonly clock = new VirtualClock();
  readonly kafka = new MemoryKafka();
  readonly limits: OwnerLimits;
  readonly notices: Notice[] = [];
  readonly hints: SessionId[] = [];
  readonly seeksNoted: number[] = [];
  readonly gone = new Set<SessionId>();
  readonly ahead = { bytes: 0 };
  /** Whether the lease holds. */
  holds = true;
  epoch = 0;
  topic: TopicView;

  constructor(
    given: {
      partitions?: number;
      topic?: Partial<TopicView>;
      limits?: Partial<OwnerLimits>;
      answerMs?: number;
    } = {},
  ) {
    const { partitions = 1, topic = {}, answerMs = 2 } = given;
    this.limits = { ...defaultOwnerLimits, ...given.limits };
    this.kafka.create({ name: kafkaName, partitions });
    this.topic = { ...this.view('orders', kafkaName, answerMs), ...topic };
  }

  /** A topic of the tenant, over a backend of its own. */
  view(name: string, inKafka: string, answerMs = 2): TopicView {
    const { kafka, clock } = this;
    const gateway = new MemoryGateway(kafka, { clock, random: () => 0.5, answerMs });
    return {
      name,
      kafkaName: inKafka,
      tenant: { id: unit.tenant } as unknown as TenantView,
      backend: new KafkaBackend('queues', { gateway, clock, limits, topics: [] }),
      enabled: true,
      ack: 'auto',
      startAt: 'earliest',
      window: 1_000,
      ackMs: 30_000,
      maxDeliveries: 0,
      deadLetter: null,
      producers: new Set(),
      consumers: new Set(),
      seekers: new Set(),
      seeks: new Map(),
    };
  }

  /** A host that says what the rig's fields say; `holds` may be another's. */
  host(given: Partial<OwnerHost> = {}): OwnerHost {
    return Object.assign(new RigHost(this), given);
  }

  /** The next owner, of the next epoch. */
  start(given: Partial<OwnerHost> = {}, seek = 0): UnitOwner {
    const start: OwnerStart = { unit, epoch: ++this.epoch, seek };
    return new UnitOwner(start, this.topic, this.host(given));
  }

  push(partition: number, ...values: readonly (string | null)[]): number {
    const records = values.map((value) => this.record(value));
    return this.kafka.log({ topic: kafkaName, partition }).write(records, null);
  }

  record(value: string | null): NewRecord {
    const bytes = value === null ? null : Buffer.from(value);
    return { key: null, value: bytes, headers: [], timestampMs: this.clock.now() };
  }

  /** Waits for what takes no more than `msMax` of this clock. */
  async until<T>(promise: Promise<T>, msMax = 20_000): Promise<T> {
    let isDone = false;
    promise.then(
      () => {
        isDone = true;
      },
      () => {
        isDone = true;
      },
    );
    await this.clock.advance(0);
    for (let ms = 0; !isDone; ms++) {
      assert(ms < msMax, `nothing came of it within ${msMax} ms`);
      await this.clock.advance(1);
    }
    return await promise;
  }

  async ask(owner: UnitOwner, given: Partial<Ask> = {}): Promise<Answer> {
    return await this.until(
      owner.exchange({ ...quietAsk, from: 'one.1', unit, epoch: owner.epoch, ...given }),
    );
  }

  /** Loans that came with the answer, which must be one that gives. */
  async take(owner: UnitOwner, take: number, given: Partial<Ask> = {}): Promise<readonly Loan[]> {
    const answer = await this.ask(owner, { take, ...given });
    assert.equal(answer.kind, 'loans', JSON.stringify(answer));
    return answer.kind === 'loans' ? answer.loans : [];
  }

  async settle(
    owner: UnitOwner,
    acks: readonly Loan[],
    nacks: readonly Loan[] = [],
  ): Promise<void> {
    const ids = { acks: acks.map(({ id }) => id), nacks: nacks.map(({ id }) => id) };
    await this.ask(owner, { take: 0, ...ids });
  }

  /** Time passes, and the unit is looked after ten times a second. */
  async run(owner: UnitOwner, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      await this.clock.advance(Math.min(100, ms - passed));
      owner.tick();
      await this.clock.advance(0);
    }
  }

  /** Committed offset of each partition. */
  committed(partitions = 1): (number | null)[] {
    const all = Array.from({ length: partitions }, (_, partition) => {
      return { topic: kafkaName, partition };
    });
    return this.kafka.committed(group, all).map((one) => one?.offset ?? null);
  }

  note(partition = 0): string | null {
    return this.kafka.committed(group, [{ topic: kafkaName, partition }])[0]?.note ?? null;
  }

  get noticed(): string[] {
    return this.notices.map(({ kind }) => kind);
  }
}

/** As `partition:content`. */
export function shown(loans: readonly Loan[]): string[] {
  return loans.map(({ partition, value }) => `${partition}:${value}`);
}

/** Its methods need to be called as such. */
class RigHost implements OwnerHost {
  readonly #rig: UnitRig;
  readonly clock: VirtualClock;
  readonly limits: OwnerLimits;
  readonly ahead: { bytes: number };

  constructor(rig: UnitRig) {
    this.#rig = rig;
    this.clock = rig.clock;
    this.limits = rig.limits;
    this.ahead = rig.ahead;
  }

  holds(): boolean {
    return this.#rig.holds;
  }

  isGone(session: SessionId): boolean {
    return this.#rig.gone.has(session);
  }

  hint(session: SessionId): void {
    this.#rig.hints.push(session);
  }

  async noteSeek(_unit: UnitName, generation: number): Promise<void> {
    this.#rig.seeksNoted.push(generation);
  }

  notice(notice: Notice): void {
    this.#rig.notices.push(notice);
  }
}
