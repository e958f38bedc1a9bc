/** An owned unit before a real broker, looked after as a proxy does, and what others see of it. */

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '@respool/contracts/clock';
import type { Notice } from '@respool/contracts/notices';
import { consumerGroup } from '@respool/contracts/queues';
import { newTopic } from '@respool/kafka/conformance/rig';
import type { KafkaGateway, NewTopic } from '@respool/kafka/gateway';
import { gatewayTo, untilTrue } from '@respool/kafka/test/kafka';
import type { Admin, Kafka, Message } from 'kafkajs';
import { KafkaBackend } from '../backend/kafka/kafka.ts';
import type { Ask, Loan } from '../positions/exchange.ts';
import { defaultOwnerLimits, UnitOwner } from '../positions/unit.ts';
import { readSettings } from '../settings.ts';
import type { TenantView, TopicView } from '../state.ts';
import { quietAsk } from './quiet-ask.ts';

const { kafka: limits } = readSettings({
  RESPOOL_MASTER_KEY: Buffer.alloc(32).toString('base64'),
});
const tickMs = 20;
const takeMsMax = 60_000;
let tenants = 0;

export class UnitStory {
  readonly gateway: KafkaGateway;
  readonly backend: KafkaBackend;
  readonly notices: Notice[] = [];
  readonly group: string;
  readonly kafkaName: string;
  readonly other: Kafka;
  readonly admin: Admin;
  topic: TopicView;
  #owner: UnitOwner;
  #epoch = 1;
  readonly #unit: { tenant: string; topic: string; consumer: string };
  readonly #ended = new AbortController();

  private constructor(gateway: KafkaGateway, kafkaName: string, other: Kafka, admin: Admin) {
    this.gateway = gateway;
    this.kafkaName = kafkaName;
    this.other = other;
    this.admin = admin;
    this.backend = new KafkaBackend('queues', { gateway, clock: systemClock, limits, topics: [] });
    this.#unit = { tenant: `tenant-${++tenants}`, topic: 'orders', consumer: 'worker' };
    this.group = consumerGroup(this.#unit.tenant, this.#unit.consumer);
    this.topic = {
      name: 'orders',
      kafkaName,
      tenant: { id: this.#unit.tenant } as unknown as TenantView,
      backend: this.backend,
      ...{ enabled: true, ack: 'auto', startAt: 'earliest', window: 100, ackMs: 30_000 },
      ...{ maxDeliveries: 0, deadLetter: null, seeks: new Map() },
      ...{ producers: new Set(), consumers: new Set(), seekers: new Set() },
    };
    this.#owner = this.#start();
  }

  /** Over a topic of its own, whose owner begins after `before`. */
  static async tell(
    cluster: { readonly bootstrap: readonly string[]; readonly other: Kafka },
    given: Partial<Omit<NewTopic, 'name'>>,
    story: (story: UnitStory) => Promise<void>,
  ): Promise<void> {
    const gateway = gatewayTo(cluster.bootstrap, { limits: { metadataMsMax: 200 } });
    const admin = cluster.other.admin();
    await admin.connect();
    const told = new UnitStory(gateway, await newTopic(gateway, given), cluster.other, admin);
    const ticking = told.#tick();
    try {
      await story(told);
    } finally {
      told.#ended.abort();
      await ticking;
      told.owner.fence();
      await admin.disconnect();
      await gateway.close();
    }
  }

  get owner(): UnitOwner {
    return this.#owner;
  }

  /** The owner lets go of it in good order, and the next one begins. */
  async handOver(between: () => Promise<void> = async () => {}): Promise<void> {
    await this.#owner.drain(1_000);
    await between();
    this.#owner = this.#start();
  }

  /**
   * Each partition by a request of its own: of a new topic a broker may have one partition open and
   * not the next, and kafkajs then sends the whole request again, with what was stored already.
   */
  async write(messages: readonly Message[]): Promise<void> {
    const producer = this.other.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (const [, ofOne] of Map.groupBy(messages, ({ partition }) => partition)) {
      await producer.send({ topic: this.kafkaName, messages: ofOne });
    }
    await producer.disconnect();
  }

  /** Until there are `count`, each settled as it comes. */
  async pop(count: number, ack = true): Promise<Loan[]> {
    const found: Loan[] = [];
    const endMs = performance.now() + takeMsMax;
    while (found.length < count) {
      const so = `${found.length} of ${count} records came within ${takeMsMax} ms`;
      assert(performance.now() < endMs, `${so}; notices ${JSON.stringify(this.notices)}`);
      const answer = await this.ask({ take: count - found.length });
      if (answer.kind !== 'loans') {
        // Where it fails at once, asking on and on would let nothing else happen here.
        await setTimeout(tickMs);
        continue;
      }
      found.push(...answer.loans);
      if (ack) await this.settle(answer.loans);
    }
    return found;
  }

  async settle(loans: readonly Loan[]): Promise<void> {
    await this.ask({ acks: loans.map(({ id }) => id) });
  }

  async ask(given: Partial<Ask>) {
    const { epoch } = this.#owner;
    return await this.#owner.exchange({
      ...quietAsk,
      unit: this.#unit,
      epoch,
      from: 'one.1',
      ...given,
    });
  }

  /** Waits until others see these offsets committed. */
  async untilCommitted(...offsets: readonly number[]): Promise<void> {
    let found: readonly number[] = [];
    const isThere = async () => {
      // Right after its start a broker does not know yet which groups are its own.
      found = await this.committed().catch(() => []);
      return offsets.every((offset, at) => found[at] === offset);
    };
    await untilTrue(`${offsets} to be committed`, isThere).catch((cause: Error) => {
      throw new Error(`${cause.message}; it is ${found}`, { cause });
    });
  }

  /** As kafkajs shows it; -1 where there is none. */
  async committed(): Promise<number[]> {
    const { group: groupId, kafkaName } = this;
    const [topic] = await this.admin.fetchOffsets({ groupId, topics: [kafkaName] });
    const partitions = topic?.partitions ?? [];
    const inOrder = partitions.toSorted((one, two) => one.partition - two.partition);
    return inOrder.map(({ offset }) => Number(offset));
  }

  async untilNoticed(kind: Notice['kind']): Promise<Notice> {
    await untilTrue(kind, async () => this.notices.some((one) => one.kind === kind));
    return this.notices.find((one) => one.kind === kind) as Notice;
  }

  #start(): UnitOwner {
    const start = { unit: this.#unit, epoch: this.#epoch++, seek: 0 };
    return new UnitOwner(start, this.topic, {
      clock: systemClock,
      limits: defaultOwnerLimits,
      ahead: { bytes: 0 },
      holds: () => true,
      isGone: () => false,
      hint: () => {},
      noteSeek: async () => {},
      notice: (notice) => void this.notices.push(notice),
    });
  }

  async #tick(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      this.#owner.tick();
      await setTimeout(tickMs);
    }
  }
}

export const textsOf = (loans: readonly Loan[]): string[] =>
  loans.map(({ offset, value }) => `${offset} ${value}`);
