/** The API over a log in memory, called without a socket. */

import { systemClock } from '@respool/contracts/clock';
import { noticeSubject } from '@respool/contracts/subjects';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { pino } from 'pino';
import type { Stage } from '../src/change.ts';
import type { App } from '../src/http/app.ts';
import { createHttp } from '../src/http/http.ts';
import { planeMetrics } from '../src/http/metrics.ts';
import { ApiTokens } from '../src/http/tokens.ts';
import { Kafka } from '../src/kafka/kafka.ts';
import { LogFollower } from '../src/log/follower.ts';
import { ensureLogCreated } from '../src/log/genesis.ts';
import type { EventLog } from '../src/log/log.ts';
import { MemoryLog } from '../src/log/memory.ts';
import { verifyLog } from '../src/log/verify.ts';
import type { NoticeMessage, NoticeStore } from '../src/notices/notices.ts';
import { MemoryKeyStore } from '../src/secrets/key-store.ts';
import { Vault } from '../src/secrets/vault.ts';
import { Turns } from '../src/turns.ts';
import { Proxies } from '../src/views/proxies.ts';
import { patience } from './events.ts';

export const apiToken = 'operator-token-0123456789';
export const otherToken = 'another-token-0123456789';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // Each test knows the shape of the answer it asked for.
  readonly body: never;
  readonly text: string;
}

export interface CallOptions {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: string | Buffer;
}

export interface TestApiOptions {
  readonly log?: MemoryLog;
  /** How long a change waits for the log; for a test in which the log is away, a short time. */
  readonly changeMsMax?: number;
  readonly kafka?: MemoryKafka;
}

/** What one request may ask of Kafka; a test changes it while its Kafka is not to answer. */
export interface KafkaPatience {
  ms: number;
}

export class TestApi {
  readonly app: App;
  readonly log: MemoryLog;
  readonly stage: Stage;
  readonly proxies: Proxies;
  readonly notices: MemoryNotices;
  readonly kafkaPatience: KafkaPatience;
  /** Every line the process would have logged. */
  readonly logged: string[];

  private constructor(app: App, parts: Omit<TestApi, 'app' | 'call' | 'ok' | 'close'>) {
    this.app = app;
    this.log = parts.log;
    this.stage = parts.stage;
    this.proxies = parts.proxies;
    this.notices = parts.notices;
    this.kafkaPatience = parts.kafkaPatience;
    this.logged = parts.logged;
  }

  static async start({
    log = new MemoryLog(),
    changeMsMax = 12_000,
    kafka = new MemoryKafka(),
  }: TestApiOptions = {}): Promise<TestApi> {
    const kafkaPatience = { ms: 10_000 };
    const stage = await memoryStage(log, { kafka, kafkaPatience });
    const logged: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
    const tokens = new ApiTokens();
    tokens.add('operator', apiToken);
    tokens.add('other', otherToken);
    const proxies = new Proxies(systemClock);
    const metrics = planeMetrics({ stage: () => stage, proxies });
    const audit = () => (signal: AbortSignal) => verifyLog(log, none(), new Map(), signal);
    const notices = new MemoryNotices();
    const shown = { stage: () => stage, audit, proxies, notices: () => notices };
    const plane = { ...shown, tokens, metrics, changeMsMax };
    const app = await createHttp(plane, logger);
    return new TestApi(app, { log, stage, proxies, notices, kafkaPatience, logged });
  }

  async call(
    method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
    { token = apiToken, headers = {}, raw }: CallOptions = {},
  ): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await this.app.inject({
      method,
      url,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    });
    const text = response.body;
    const isJson = String(response.headers['content-type'] ?? '').startsWith('application/json');
    const parsed = (isJson && text !== '' ? JSON.parse(text) : null) as never;
    return { status: response.statusCode, headers: response.headers, body: parsed, text };
  }

  /** Like {@link call}, and anything but success is an error with the answer in it. */
  async ok(...args: Parameters<TestApi['call']>): Promise<Answer> {
    const answer = await this.call(...args);
    if (answer.status < 300) return answer;
    throw new Error(`${args[0]} ${args[1]}: ${answer.status} ${answer.text}`);
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.stage.follower.stop();
    await this.stage.kafka.close();
    await this.log.close();
  }
}

/** Notices in memory, numbered from 1. */
export class MemoryNotices implements NoticeStore {
  readonly messages: NoticeMessage[] = [];

  /** As a proxy would publish it: JSON, or bytes that are none. */
  publish(proxy: string, content: unknown): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    const sequence = (this.messages.at(-1)?.sequence ?? 0) + 1;
    this.messages.push({ sequence, subject: noticeSubject(proxy), bytes: Buffer.from(text) });
  }

  async read(after: number, limit: number): Promise<NoticeMessage[]> {
    return this.messages.filter(({ sequence }) => sequence > after).slice(0, limit);
  }
}

export const masterKey = Buffer.alloc(32, 5);

interface StageOptions {
  readonly kafka?: MemoryKafka;
  readonly kafkaPatience?: KafkaPatience;
  /** How often the follower looks at the log without being told. */
  readonly pollMs?: number;
}

/** All Kafka backends lead to the one cluster. */
export async function memoryStage(log: EventLog, options: StageOptions = {}): Promise<Stage> {
  const { kafka: cluster = new MemoryKafka(), kafkaPatience = { ms: 10_000 } } = options;
  const { pollMs = 1_000 } = options;
  await ensureLogCreated(log, systemClock, patience());
  const following = { clock: systemClock, signal: patience(), pollMs };
  const follower = await LogFollower.start(log, following);
  const vault = new Vault(masterKey, new MemoryKeyStore());
  const turns = new Turns(1_000);
  const shared = { clock: systemClock, random: Math.random };
  const open = async () => new MemoryGateway(cluster, { ...shared, answerMs: 0 });
  const kafka = new Kafka({
    ...{ ...shared, open, vault },
    get deadlineMs() {
      return kafkaPatience.ms;
    },
  });
  return { log, follower, vault, turns, kafka, ...shared };
}

async function* none(): AsyncIterable<never> {}
