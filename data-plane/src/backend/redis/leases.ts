/** The dedicated connections of one backend: how many there may be, who waits for one, which are kept. */
import { CommandError } from '../../command/backing.ts';
import type { Protocol } from '../../state.ts';
import { type LeaseHome, RedisLease } from './lease.ts';

export interface LeaseLimits {
  /** Dedicated connections to all nodes of the backend together. */
  readonly ownedConnectionsMax: number;
  /** How long somebody may wait for one. */
  readonly commandDeadlineMs: number;
  /** A connection that owes a reply and says nothing for so long is broken. */
  readonly silenceMsMax: number;
}

/** Who may wait when all are lent. */
const waitersMax = 1000;
/** Kept for the next borrower, and how long. */
const idleMax = 64;
const idleUsMax = 10_000_000;
/** How often a server is asked whether it still lives, while commands block there. */
const probeUs = 2_000_000;

/** What is asked of a connection, and for whom. */
export interface Borrower {
  readonly protocol: Protocol;
  readonly database: number;
  /** Who shares the backend with others; null where nobody else is to be thought of. */
  readonly holder: string | null;
}

interface Waiter {
  readonly address: () => string;
  readonly borrower: Borrower;
  readonly resolve: (lease: Promise<RedisLease>) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 *     idle (kept, clean) ──lend──► lent ──release(clean)──► idle
 *                        open ──►       ──release(dirty)──► closed
 */
export class Leases {
  readonly #home: LeaseHome;
  readonly #limits: LeaseLimits;
  /** Oldest first. */
  readonly #idle: RedisLease[] = [];
  readonly #lent = new Map<RedisLease, string | null>();
  readonly #lentTo = new Map<string, number>();
  #waiting: Waiter[] = [];
  #probedUs = 0;
  #multiAllowed: Promise<void> | null = null;
  #closed = false;

  constructor(home: Omit<LeaseHome, 'returned'>, limits: LeaseLimits) {
    this.#home = { ...home, returned: (lease, keep) => this.#returned(lease, keep) };
    this.#limits = limits;
  }

  /** Whether nobody has one. */
  get quiet(): boolean {
    return this.#lent.size === 0;
  }

  /** Open connections by node, idle ones included. */
  byNode(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { node, usable } of [...this.#idle, ...this.#lent.keys()]) {
      if (usable) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * A clean connection to the node that `address` names when there is one to be had. Rejects with a
   * {@link CommandError}: the node does not answer, or there are none for `borrower` for too long.
   */
  lease(address: () => string, borrower: Borrower): Promise<RedisLease> {
    if (this.#closed) return Promise.reject(new CommandError('ERR backend unavailable: removed'));
    if (this.#mayLend(borrower)) return this.#lend(address(), borrower);
    if (this.#waiting.length >= waitersMax) return Promise.reject(new CommandError(tooMany));
    const { promise, resolve, reject } = Promise.withResolvers<RedisLease>();
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((one) => one.timer !== timer);
      reject(new CommandError(tooMany));
    }, this.#limits.commandDeadlineMs);
    this.#waiting.push({ address, borrower, resolve, timer });
    return promise;
  }

  /**
   * Asked once: a server that refused MULTI of a transaction would go on and execute its commands
   * one by one. Rejects with a {@link CommandError}.
   */
  allowsMulti(address: () => string): Promise<void> {
    this.#multiAllowed ??= this.#tryMulti(address).catch((error: unknown) => {
      this.#multiAllowed = null;
      throw error;
    });
    return this.#multiAllowed;
  }

  async #tryMulti(address: () => string): Promise<void> {
    const lease = await this.lease(address, { protocol: 2, database: 0, holder: null });
    let refusal = '';
    try {
      for (const word of ['MULTI', 'DISCARD']) {
        const reply = await lease.ask([word]);
        if (reply.type === 'error') refusal = `ERR the server refuses ${word}: ${reply.text}`;
        if (refusal !== '') throw new CommandError(refusal);
      }
    } finally {
      lease.release(refusal === '');
    }
  }

  /** Several times a second. */
  tick(): void {
    const nowUs = this.#home.turn.nowUs();
    const silenceUsMax = this.#limits.silenceMsMax * 1000;
    for (const lease of this.#lent.keys()) lease.tick(silenceUsMax);
    while (this.#idle.length > 0 && nowUs - this.#idle[0]!.idleUs > idleUsMax) {
      this.#idle.shift()?.close();
    }
    if (nowUs - this.#probedUs < probeUs) return;
    this.#probedUs = nowUs;
    const lent = [...this.#lent.keys()];
    for (const node of new Set(lent.filter((one) => one.blocks).map((one) => one.node)))
      void this.#probe(node);
  }

  close(): void {
    this.#closed = true;
    for (const lease of [...this.#idle, ...this.#lent.keys()]) lease.close();
    this.#idle.length = 0;
    for (const waiter of this.#waiting) {
      clearTimeout(waiter.timer);
      waiter.resolve(Promise.reject(new CommandError('ERR backend unavailable: removed')));
    }
    this.#waiting = [];
  }

  /**
   * Nobody may have more than are left for others: one holder gets half of all, two get a third
   * each, and there is always one for who comes new.
   */
  #mayLend({ holder }: Borrower): boolean {
    const left = this.#limits.ownedConnectionsMax - this.#lent.size;
    return left > (holder === null ? 0 : (this.#lentTo.get(holder) ?? 0));
  }

  #note(lease: RedisLease, holder: string | null): void {
    this.#lent.set(lease, holder);
    if (holder !== null) this.#lentTo.set(holder, (this.#lentTo.get(holder) ?? 0) + 1);
  }

  #forget(lease: RedisLease): void {
    const holder = this.#lent.get(lease) ?? null;
    this.#lent.delete(lease);
    if (holder === null) return;
    const left = (this.#lentTo.get(holder) ?? 0) - 1;
    if (left > 0) this.#lentTo.set(holder, left);
    else this.#lentTo.delete(holder);
  }

  async #lend(address: string, borrower: Borrower): Promise<RedisLease> {
    const { protocol, database, holder } = borrower;
    const kept = this.#idle.findLastIndex(
      (one) => one.node === address && one.protocol === protocol && one.database === database,
    );
    const [idle] = kept < 0 ? [] : this.#idle.splice(kept, 1);
    if (idle?.usable) {
      idle.lend();
      this.#note(idle, holder);
      return idle;
    }
    // One that nobody has makes room for one that somebody wants.
    if (this.#lent.size + this.#idle.length >= this.#limits.ownedConnectionsMax) {
      this.#idle.shift()?.close();
    }
    const lease = new RedisLease(this.#home, address, protocol, database);
    this.#note(lease, holder);
    try {
      await lease.open();
      return lease;
    } catch (error) {
      lease.release(false);
      throw error;
    }
  }

  #returned(lease: RedisLease, keep: boolean): void {
    this.#forget(lease);
    if (keep && !this.#closed) {
      lease.idleUs = this.#home.turn.nowUs();
      this.#idle.push(lease);
      if (this.#idle.length > idleMax) this.#idle.shift()?.close();
    }
    for (let at = 0; !this.#closed && at < this.#waiting.length; ) {
      const next = this.#waiting[at] as Waiter;
      if (!this.#mayLend(next.borrower)) {
        at++;
        continue;
      }
      this.#waiting.splice(at, 1);
      clearTimeout(next.timer);
      next.resolve(this.#lend(next.address(), next.borrower));
    }
  }

  /** A server that vanished says nothing, and neither does one whose command blocks. */
  async #probe(node: string): Promise<void> {
    try {
      await this.#home.askNode(node, ['PING']);
    } catch (error) {
      for (const lease of this.#lent.keys()) {
        if (lease.node === node && lease.blocks) lease.break((error as Error).message);
      }
    }
  }
}

const tooMany =
  'ERR too many commands of this backend need a connection of their own (blocking commands, WATCH), try again later';
