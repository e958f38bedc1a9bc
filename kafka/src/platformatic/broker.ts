/** The channels to each broker: one for every purpose, so that none waits for another. */
import type { Connection } from '@platformatic/kafka';
import { KafkaError } from '../kafka-error.ts';
import { Channel, type Work } from './channel.ts';
import { type BrokerAddress, type DialOptions, dial } from './dial.ts';
import { type FetchLimits, type FetchWork, pickFetch, sendFetch } from './fetch-request.ts';
import { type ProduceWork, pickProduce, sendProduce } from './produce-request.ts';

export interface BrokerLimits extends FetchLimits {
  /** One Produce request; a larger batch goes alone. */
  readonly produceBytesMax: number;
  /** Connections to one broker, for each purpose. */
  readonly connectionsMax: number;
  /** The same for fetches that wait for records: each keeps its connection busy meanwhile. */
  readonly pollConnectionsMax: number;
  /** Calls that wait for a connection to one broker, for each purpose. */
  readonly waitingMax: number;
}

export interface Call extends Work {
  perform(connection: Connection): Promise<void>;
}

export interface Broker {
  readonly produce: Channel<ProduceWork>;
  readonly fetch: Channel<FetchWork>;
  /** Fetches that wait for records. */
  readonly poll: Channel<FetchWork>;
  /** All else. */
  readonly call: Channel<Call>;
}

/** Left for the answer to travel back, when a broker waits for something on our behalf. */
const answerMs = 500;

/** How long a broker may wait before it answers, so that its answer still comes in time. */
export function brokerWaitMsMax({ requestMsMax }: DialOptions): number {
  return Math.max(1, requestMsMax - answerMs);
}

export class Brokers {
  readonly #dial: DialOptions;
  readonly #limits: BrokerLimits;
  /** Addresses that are in use now. */
  readonly #named: () => readonly BrokerAddress[];
  readonly #all = new Map<string, Broker>();
  #isClosed = false;

  constructor(
    dialOptions: DialOptions,
    limits: BrokerLimits,
    named: () => readonly BrokerAddress[],
  ) {
    this.#dial = dialOptions;
    this.#limits = limits;
    this.#named = named;
  }

  at(address: BrokerAddress): Broker {
    const key = keyOf(address);
    let broker = this.#all.get(key);
    if (broker === undefined) {
      if (this.#isClosed) throw new KafkaError('closed', 'the gateway was closed');
      this.#forgetStrangers();
      broker = this.#open(address);
      this.#all.set(key, broker);
    }
    return broker;
  }

  close(): void {
    this.#isClosed = true;
    for (const broker of this.#all.values()) closeBroker(broker);
    this.#all.clear();
  }

  /** Brokers come back under new addresses: quiet ones that nobody names any more are dropped. */
  #forgetStrangers(): void {
    const named = new Set(this.#named().map(keyOf));
    for (const [key, broker] of this.#all) {
      if (named.has(key) || !channelsOf(broker).every(({ isQuiet }) => isQuiet)) continue;
      closeBroker(broker);
      this.#all.delete(key);
    }
  }

  #open(address: BrokerAddress): Broker {
    const { connectionsMax, waitingMax, produceBytesMax, pollConnectionsMax } = this.#limits;
    const shared = { dial: () => dial(address, this.#dial), connectionsMax, waitingMax };
    const acksMsMax = brokerWaitMsMax(this.#dial);
    const fetching = (again: (work: FetchWork) => void) => ({
      ...shared,
      pick: (waiting: FetchWork[]) => pickFetch(waiting, this.#limits),
      send: (connection: Connection, works: readonly FetchWork[]) =>
        sendFetch(connection, works, this.#limits, again),
    });
    const fetch: Channel<FetchWork> = new Channel(fetching((work) => fetch.submit(work)));
    const polling = fetching((work) => poll.submit(work));
    const poll: Channel<FetchWork> = new Channel({
      ...polling,
      connectionsMax: pollConnectionsMax,
    });
    const produce = new Channel<ProduceWork>({
      ...shared,
      pick: (waiting) => pickProduce(waiting, produceBytesMax),
      send: (connection, works) => sendProduce(connection, works, acksMsMax),
    });
    const call = new Channel<Call>({
      ...shared,
      pick: (waiting) => waiting.splice(0, 1),
      send: async (connection, works) => {
        for (const work of works) await work.perform(connection);
      },
    });
    return { produce, fetch, poll, call };
  }
}

function keyOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`;
}

function channelsOf({ produce, fetch, poll, call }: Broker) {
  return [produce, fetch, poll, call];
}

function closeBroker(broker: Broker): void {
  for (const channel of channelsOf(broker)) channel.close();
}
