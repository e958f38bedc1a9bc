/** Gateways are opened once, shared, and closed when nobody needs them any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { KafkaBackend } from '@respool/contracts/entities';
import { backendId } from '@respool/contracts/ids';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { Gateways } from './gateways.ts';

function backend(id: string, port = 9092): KafkaBackend {
  return {
    ...{
      id: backendId.parse(id),
      kind: 'kafka',
      description: '',
      bootstrap: [{ host: 'k', port }],
    },
    ...{ sasl: null, username: null, password: null, tls: null },
  };
}

class Rig {
  readonly clock = new VirtualClock();
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly gateways: Gateways;
  /** What opening fails with, once. */
  failure: Error | null = null;

  constructor(gatewaysMax = 2) {
    const open = async ({ id, bootstrap }: KafkaBackend, password: string | null) => {
      const name = `${id} ${bootstrap[0]?.port} ${password}`;
      if (this.failure !== null) {
        const error = this.failure;
        this.failure = null;
        throw error;
      }
      this.opened.push(name);
      const options = { clock: this.clock, random: Math.random, answerMs: 0 };
      const gateway = new MemoryGateway(new MemoryKafka(), options);
      const close = gateway.close.bind(gateway);
      gateway.close = async () => {
        this.closed.push(name);
        await close();
      };
      return gateway;
    };
    this.gateways = new Gateways({ clock: this.clock, open, idleMsMax: 1_000, gatewaysMax });
  }

  use<T>(of: KafkaBackend, work: () => Promise<T>): Promise<T> {
    return this.gateways.use(of, async () => 'word', work);
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await setImmediate();
  }
}

const nothing = async () => undefined;

test('one gateway serves all at once, and stays for the next until nobody came for a while', async () => {
  const rig = new Rig();
  await Promise.all([rig.use(backend('a'), nothing), rig.use(backend('a'), nothing)]);
  await rig.pass(999);
  await rig.use(backend('a'), nothing);
  await rig.pass(999);
  assert.deepEqual([rig.opened, rig.closed], [['a 9092 word'], []]);
  await rig.pass(1);
  assert.deepEqual(rig.closed, ['a 9092 word']);
  await rig.use(backend('a'), nothing);
  assert.equal(rig.opened.length, 2);
});

test('a backend that was changed gets another gateway, and the old one ends when it is done', async () => {
  const rig = new Rig();
  const done = Promise.withResolvers<void>();
  const old = rig.use(backend('a'), () => done.promise);
  await rig.use(backend('a', 9093), nothing);
  await rig.pass(5_000);
  assert.deepEqual(rig.closed, ['a 9093 word']);
  done.resolve();
  await old;
  await rig.pass(1_000);
  assert.deepEqual(rig.closed, ['a 9093 word', 'a 9092 word']);
});

test('of too many the one that rests makes room, and while all are busy another is refused', async () => {
  const rig = new Rig();
  const done = Promise.withResolvers<void>();
  const busy = rig.use(backend('a'), () => done.promise);
  await rig.use(backend('b'), nothing);
  const other = rig.use(backend('c'), () => done.promise);
  await assert.rejects(rig.use(backend('d'), nothing), /too many Kafka backends/);
  assert.deepEqual(rig.closed, ['b 9092 word']);
  done.resolve();
  await Promise.all([busy, other]);
});

test('one that could not be opened is opened anew', async () => {
  const rig = new Rig();
  rig.failure = new Error('no word');
  await assert.rejects(rig.use(backend('a'), nothing), /no word/);
  await rig.use(backend('a'), nothing);
  assert.deepEqual(rig.opened, ['a 9092 word']);
});

test('closing ends all, and nothing is opened after it', async () => {
  const rig = new Rig();
  await rig.use(backend('a'), nothing);
  await rig.gateways.close();
  assert.deepEqual(rig.closed, ['a 9092 word']);
  await assert.rejects(rig.use(backend('a'), nothing), /stops/);
});
