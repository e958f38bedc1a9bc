/** Which proxy serves with which sequence, as their acks tell, and how far a change has got. */
import type { ProxyAnswer, RolloutAnswer } from '@respool/contracts/api-answers';
import type { Clock } from '@respool/contracts/clock';
import type { Ack, Head } from '@respool/contracts/follow';

/** A proxy sends an ack each 2 s; five in a row missing, it does not count any more. */
export const lostAfterMs = 10_000;
/** A lost proxy is listed this long, so that an operator sees it went. */
const forgottenAfterMs = 3_600_000;
const proxiesMax = 10_000;
/** After we begin to listen, the first heartbeats of all proxies need this long to arrive. */
const settleMs = 2_500;
const lookAgainMs = 250;

export interface WaitOptions {
  readonly head: Pick<Head, 'logId' | 'sequence'>;
  /** `all`, a count, or a share as `80%`. */
  readonly quorum: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Heard {
  readonly ack: Ack;
  readonly at: number;
}

export class Proxies {
  readonly #clock: Clock;
  readonly #heard = new Map<string, Heard>();
  readonly #listeners = new Set<() => void>();
  #listeningSince: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#listeningSince = clock.now();
  }

  observe(ack: Ack): void {
    this.#forget();
    if (!this.#heard.has(ack.proxyId) && this.#heard.size >= proxiesMax) return;
    this.#heard.set(ack.proxyId, { ack, at: this.#clock.now() });
    for (const listener of this.#listeners) listener();
  }

  /** We hear (again) from now on: who is silent may only not have had the time to speak. */
  listening(): void {
    this.#listeningSince = this.#clock.now();
  }

  list(head: Pick<Head, 'logId' | 'sequence'>): ProxyAnswer[] {
    this.#forget();
    const shown = [...this.#heard.values()].map((heard) => this.#view(heard, head));
    return shown.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  rollout(head: Pick<Head, 'logId' | 'sequence'>): RolloutAnswer {
    const rollout = {
      applied: [] as string[],
      pending: [] as string[],
      rejected: [] as RolloutAnswer['rejected'],
      lost: [] as string[],
    };
    for (const proxy of this.list(head)) {
      if (proxy.status === 'lost') rollout.lost.push(proxy.id);
      else if (proxy.status === 'other-log') {
        const error = { field: 'logId', message: 'the proxy follows another log' };
        rollout.rejected.push({ id: proxy.id, error });
      } else if (proxy.sequence >= head.sequence) rollout.applied.push(proxy.id);
      else if (proxy.status === 'rejected' && proxy.target >= head.sequence) {
        const error = proxy.error ?? { field: '', message: 'the proxy gave no reason' };
        rollout.rejected.push({ id: proxy.id, error });
      } else rollout.pending.push(proxy.id);
    }
    const open = rollout.pending.length + rollout.rejected.length;
    const complete = open === 0 && this.#isSettled();
    return { sequence: head.sequence, complete, ...rollout };
  }

  /** Resolves as soon as the quorum has applied the change, or cannot, or at the timeout. */
  async wait(options: WaitOptions): Promise<{ rollout: RolloutAnswer; reached: boolean }> {
    const until = this.#clock.now() + options.timeoutMs;
    for (;;) {
      const rollout = this.rollout(options.head);
      const reached = this.#reached(rollout, options.quorum);
      const left = until - this.#clock.now();
      if (reached || left <= 0 || options.signal.aborted || isHopeless(rollout, options.quorum)) {
        return { rollout, reached };
      }
      await this.#change(Math.min(left, lookAgainMs), options.signal);
    }
  }

  #reached(rollout: RolloutAnswer, quorum: string): boolean {
    const count = /^\d+$/.test(quorum) ? Number(quorum) : null;
    if (count !== null) return rollout.applied.length >= count;
    return this.#isSettled() && rollout.applied.length >= share(rollout, quorum);
  }

  /** Before everyone had the time to speak, "all" would mean "those I happen to know". */
  #isSettled(): boolean {
    return this.#clock.now() - this.#listeningSince >= settleMs;
  }

  /** Resolves at the next ack, or after `ms`. */
  #change(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#listeners.delete(finish);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const cancel = this.#clock.after(ms, finish);
      this.#listeners.add(finish);
      signal.addEventListener('abort', finish, { once: true });
    });
  }

  #view({ ack, at }: Heard, head: Pick<Head, 'logId' | 'sequence'>): ProxyAnswer {
    const heardMsAgo = Math.max(0, this.#clock.now() - at);
    const { proxyId: id, sequence, target, error, startedAt } = ack;
    const behind = Math.max(0, head.sequence - sequence);
    const isOther = ack.logId !== '' && ack.logId !== head.logId;
    const alive = isOther ? ('other-log' as const) : ack.status;
    const status = heardMsAgo >= lostAfterMs ? ('lost' as const) : alive;
    return { id, status, sequence, target, behind, error, heardMsAgo, startedAt };
  }

  #forget(): void {
    const oldest = this.#clock.now() - forgottenAfterMs;
    for (const [id, { at }] of this.#heard) if (at < oldest) this.#heard.delete(id);
  }
}

/** How many of the proxies that are not lost the quorum asks for. */
function share(rollout: RolloutAnswer, quorum: string): number {
  const counted = rollout.applied.length + rollout.pending.length + rollout.rejected.length;
  const percent = quorum === 'all' ? 100 : Number.parseInt(quorum, 10);
  return Math.ceil((counted * percent) / 100);
}

/** So many have rejected it that those left cannot make up the quorum; a count may still join. */
function isHopeless(rollout: RolloutAnswer, quorum: string): boolean {
  if (/^\d+$/.test(quorum)) return false;
  const possible = rollout.applied.length + rollout.pending.length;
  return rollout.rejected.length > 0 && possible < share(rollout, quorum);
}
