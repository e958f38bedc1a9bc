/**
 * A program: many clients that ask for much and read nothing until SIGUSR2, then check every byte.
 */
import { connect, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { encode } from './raw-client.ts';

export const stalledPlan = { clients: 2_000, commands: 1_000, valueBytes: 10 * 1024 } as const;
export const stalledKeys: readonly string[] = Array.from({ length: 10 }, (_, n) => `stalled:${n}`);

/** 10 KB that tell the key and the place, so that no two values or offsets look alike. */
export function payloadOf(key: string): Buffer {
  const text = Array.from({ length: stalledPlan.valueBytes / 16 }, (_, at) =>
    `${key}:${at}`.padEnd(16, '.').slice(0, 16),
  );
  return Buffer.from(text.join(''));
}

interface Tally {
  intact: number;
  wrong: number;
  lost: number;
}

/** Checks a stream that repeats `period` against what arrives, without keeping any of it. */
class StreamCheck {
  readonly #period: Buffer;
  readonly #total: number;
  #seen = 0;
  isWrong = false;

  constructor(period: Buffer, periods: number) {
    this.#period = period;
    this.#total = period.length * periods;
  }

  get done(): boolean {
    return this.#seen >= this.#total;
  }

  get seen(): number {
    return this.#seen;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const from = this.#seen % this.#period.length;
      const size = Math.min(chunk.length - at, this.#period.length - from);
      if (this.#period.compare(chunk, at, at + size, from, from + size) !== 0) this.isWrong = true;
      at += size;
      this.#seen += size;
    }
    if (this.#seen > this.#total) this.isWrong = true;
  }
}

async function main(port: number): Promise<void> {
  const { clients, commands } = stalledPlan;
  const periods = commands / stalledKeys.length;
  const requests = Buffer.concat(
    Array.from({ length: commands }, (_, n) => encode('GET', stalledKeys[n % 10] ?? '')),
  );
  const period = Buffer.concat(
    stalledKeys.flatMap((key) => {
      const payload = payloadOf(key);
      return [Buffer.from(`$${payload.length}\r\n`), payload, Buffer.from('\r\n')];
    }),
  );
  const sockets: Socket[] = [];
  for (let index = 0; index < clients; index += 1) sockets.push(await open(port));
  for (const socket of sockets) {
    socket.pause();
    socket.write(requests);
  }
  process.stdout.write('stalled\n');
  const tally: Tally = { intact: 0, wrong: 0, lost: 0 };
  // Keeps the event loop alive: a paused socket alone does not.
  const awake = setInterval(() => {}, 60_000);
  await new Promise((resolve) => process.once('SIGUSR2', resolve));
  await Promise.all(
    sockets.map((socket) => drain(socket, new StreamCheck(period, periods), tally)),
  );
  clearInterval(awake);
  process.stdout.write(`verdict intact ${tally.intact} wrong ${tally.wrong} lost ${tally.lost}\n`);
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      // Whatever ends the connection later is counted as loss by `drain`.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function drain(socket: Socket, check: StreamCheck, tally: Tally): Promise<void> {
  const { commands, valueBytes } = stalledPlan;
  return new Promise((resolve) => {
    const finish = (): void => {
      if (check.isWrong) tally.wrong += commands;
      else if (check.done) tally.intact += commands;
      else {
        const whole = Math.floor(check.seen / (valueBytes + 10));
        tally.intact += whole;
        tally.lost += commands - whole;
      }
      socket.destroy();
      resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      check.take(chunk);
      if (check.done) finish();
    });
    socket.once('close', () => {
      if (!check.done) finish();
    });
    socket.resume();
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(Number(process.argv[2]));
}
