/**
 * The log as NATS holds it, read past both planes: bytes, contiguity and hash chain checked here
 * anew.
 */
import { createHash } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsServer } from './nats.ts';

export interface StoredMessage {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly value: Record<string, unknown>;
}

const stream = 'respool_log';

/** Every message of the log; throws at the first gap or link of the chain that does not hold. */
export async function readVerifiedLog(nats: NatsServer): Promise<StoredMessage[]> {
  const connection = await nats.connect();
  try {
    const { state } = await (await jetstreamManager(connection)).streams.info(stream);
    const messages: StoredMessage[] = [];
    let previous = '0'.repeat(64);
    for (let sequence = 1; sequence <= state.last_seq; sequence += 1) {
      const answer = await connection.request(
        `$JS.API.DIRECT.GET.${stream}`,
        JSON.stringify({ seq: sequence }),
      );
      const at = answer.headers?.get('Nats-Sequence');
      if (at !== String(sequence)) throw new Error(`no message at sequence ${sequence}`);
      const value = JSON.parse(answer.string()) as Record<string, unknown>;
      if (value['prev'] !== previous) throw new Error(`the chain breaks at sequence ${sequence}`);
      previous = createHash('sha256').update(answer.data).digest('hex');
      messages.push({ sequence, bytes: answer.data, value });
    }
    return messages;
  } finally {
    await connection.close();
  }
}

/** Appends bytes behind the planes' backs, as another version of the product could. */
export async function appendForeign(nats: NatsServer, value: object): Promise<number> {
  const connection = await nats.connect();
  try {
    const stored = await jetstream(connection).publish(
      'respool.log._global',
      new TextEncoder().encode(JSON.stringify(value)),
    );
    return stored.seq;
  } finally {
    await connection.close();
  }
}
