/** Records on their way to a client: counted, said, and settled once it took them. */
import type { ClientConnection } from '../listen/connection.ts';
import type { QueueCounts } from '../observe/queue-counts.ts';
import type { UnitName } from '../positions/exchange.ts';
import type { Delivery, PopWish } from '../positions/positions.ts';
import type { Protocol, TopicView, UserView } from '../state.ts';
import { nothingReply, recordsReply } from './queue-reply.ts';
import type { PopWords } from './queue-request.ts';
import type { Scene } from './scene.ts';
import { Settlement } from './settlement.ts';

/** Of content, all records of one KPOP together; what a proxy's answer to another holds at most. */
const popBytesMax = 512 * 1024;

const nothing = Buffer.alloc(0);

const units = new WeakMap<TopicView, Map<string, UnitName>>();

/**
 * The consumer is the user: all of its connections, at any proxy, share one position. The same
 * object each time, as long as the topic is not configured anew.
 */
export function unitOf({ tenant, name }: UserView, topic: TopicView): UnitName {
  let ofTopic = units.get(topic);
  if (ofTopic === undefined) {
    ofTopic = new Map();
    units.set(topic, ofTopic);
  }
  let unit = ofTopic.get(name);
  if (unit === undefined) {
    unit = { tenant: tenant.id, topic: topic.name, consumer: name };
    ofTopic.set(name, unit);
  }
  return unit;
}

export function wishOf(user: UserView, topic: TopicView, words: PopWords): PopWish {
  const unit = unitOf(user, topic);
  return { unit, topic, count: words.count, bytesMax: popBytesMax, waitMs: words.blockMs ?? 0 };
}

/** A reply, and what is to be called once it left: see `whenSent`. */
export interface Said {
  readonly reply: Buffer;
  readonly sent: (() => void) | null;
}

/** One client as it takes records of one tenant. */
export class Borrower {
  readonly settlement: Settlement;
  readonly counts: QueueCounts;
  readonly #protocol: Protocol;

  constructor({ client, proxy, session }: Scene) {
    this.settlement = settlementOf(client, proxy);
    this.counts = (session.user as UserView).tenant.meter.queue;
    this.#protocol = session.protocol;
  }

  /** What the client is told of `deliveries`; they go back where it has left. */
  say(deliveries: readonly Delivery[], ack: TopicView['ack']): Said {
    const { counts, settlement } = this;
    if (deliveries.length === 0) {
      counts.empty++;
      return { reply: nothingReply(this.#protocol), sent: null };
    }
    if (settlement.isOver) {
      for (const delivery of deliveries) delivery.giveBack();
      counts.nacks += deliveries.length;
      return { reply: nothing, sent: null };
    }
    counts.pops += deliveries.length;
    for (const one of deliveries) if (one.deliveries > 1) counts.redeliveries++;
    const lot = settlement.lend(deliveries, ack, counts);
    const reply = recordsReply(deliveries, this.#protocol);
    return { reply, sent: () => settlement.sent(lot) };
  }
}

function settlementOf(client: ClientConnection, { unsettled }: Scene['proxy']): Settlement {
  const { receipts } = client;
  return receipts instanceof Settlement ? receipts : new Settlement(client, unsettled);
}
