/** A RESP3 client that subscribed, and what it heard. */
import type { RawClient } from './raw-client.ts';
import { decodeReply, type Value } from './reply.ts';
import { until } from './until.ts';

const words = new Set(['message', 'pmessage', 'smessage']);

export class Listener {
  readonly client: RawClient;

  constructor(client: RawClient) {
    this.client = client;
  }

  /** Sends one subscribing command and waits for its confirmations, which are pushes. */
  async subscribe(verb: string, ...names: readonly string[]): Promise<void> {
    const { client } = this;
    const word = verb.toLowerCase();
    const confirmed = () => pushesOf(client).filter(([first]) => first === word).length;
    const before = confirmed();
    client.send(encodeLine([verb, ...names]));
    await until(() => confirmed() === before + names.length, { what: `${verb} ${names}` });
  }

  /** Payloads heard so far, in their order. */
  get heard(): string[] {
    return pushesOf(this.client)
      .filter(([word]) => words.has(String(word)))
      .map((push) => String(push.at(-1)));
  }

  forget(): void {
    this.client.pushes.length = 0;
  }
}

function pushesOf(client: RawClient): (readonly Value[])[] {
  return client.pushes.map((push) => decodeReply(push) as readonly Value[]);
}

function encodeLine(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((one) => `$${one.length}\r\n${one}\r\n`).join('')}`;
}

/**
 * Publishes by `publish` until `listener` hears it, then a numbered row of which it must hear each
 * once and in order: subscriptions stand again, and stand once.
 */
export async function hearsAgain(
  listener: Listener,
  publish: (text: string) => Promise<unknown>,
  mark: string,
): Promise<string[]> {
  await until(
    async () => {
      await publish(`${mark} ping`).catch(() => {});
      return listener.heard.some((text) => text === `${mark} ping`);
    },
    { what: `${mark} to be heard`, everyMs: 50 },
  );
  const row = Array.from({ length: 100 }, (_, n) => `${mark} ${n}`);
  for (const text of row) await publish(text);
  const numbered = () => listener.heard.filter((text) => row.includes(text));
  await until(() => numbered().length >= row.length, { what: `${mark}, the whole row` });
  return numbered();
}
