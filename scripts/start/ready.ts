/** Waiting for a process to answer, for as long as it lives and a deadline has not passed. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Child, Ended } from './child.ts';
import { logTail } from './child.ts';

const pauseMs = 50;

/** Throws when the child ends, or `answers` was not true within `msMax`. */
export async function untilReady(
  child: Child,
  answers: () => Promise<boolean>,
  msMax: number,
): Promise<void> {
  const deadline = performance.now() + msMax;
  let ended: Ended | null = null;
  child.ended.then((how) => {
    ended = how;
  });
  for (;;) {
    if (await answers().catch(() => false)) return;
    if (ended !== null) throw new Error(endedText(ended));
    if (performance.now() > deadline) {
      const tail = logTail(child.logFile);
      throw new Error(`${child.name} was not ready after ${msMax} ms; its last lines:\n${tail}`);
    }
    await setTimeout(pauseMs);
  }
}

export function endedText({ name, how, logFile }: Ended): string {
  return `${name} ended (${how}); its last lines, from ${logFile}:\n${logTail(logFile)}`;
}

/** Whether a GET of `url` is answered with a 2xx. */
export async function answersHttp(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.body?.cancel();
  return answer.ok;
}

/** Whether a Redis answers PING; while it loads its data it answers -LOADING, which is not ready. */
export async function answersPing(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 2_000 });
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = await once(socket, 'data');
    return String(answer).startsWith('+PONG');
  } finally {
    socket.destroy();
  }
}
