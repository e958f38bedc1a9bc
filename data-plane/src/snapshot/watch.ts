/** When to read the log: on connecting, on a gap, on a head that says otherwise, and in long silence. */

import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import { UnreadableEvent } from '@respool/contracts/events';
import { type Head, head as headShape } from '@respool/contracts/follow';
import { BrokenChain } from '@respool/contracts/project';
import { headSubject, liveSubjects, logStream } from '@respool/contracts/subjects';
import type { Logger } from 'pino';
import { catchUp, ForeignLog, ShortLog } from './catch-up.ts';
import { backoffMs } from './clock.ts';
import { messageOf } from './link.ts';
import type { LogReader } from './log-reader.ts';
import type { Tail } from './tail.ts';

/**
 * Why folding does not go on. `alarm`: the log is not the one we know, and an operator must look.
 * `unreadable`: an event this build does not know stands next; it is not skipped.
 */
export interface Fault {
  readonly kind: 'alarm' | 'unreadable';
  readonly sequence: number;
  readonly field: string;
  readonly message: string;
}

export interface WatchOptions {
  readonly reader: LogReader;
  readonly tail: Tail;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The tail may have grown, up to a point where it makes sense to serve with it. */
  readonly onFolded: () => void;
  /** `fault` or `staleSinceMs` changed. */
  readonly onChange: () => void;
  readonly onAlarm: () => void;
}

/** Without a head that agrees for so long, the log itself is asked where it ends. */
const silenceMsMax = 5000;
/** A head that knows less than we do may come from a control plane that lags: look this often. */
const doubtMs = 5000;
/** A head can overtake the live message of the same event; give that a moment. */
const overtakenMs = 50;
/** Spreads the proxies that all heard the same head. */
const hurriedMsMax = 1000;
const retryFirstMs = 100;
const retryMsMax = 10_000;
/** A log too short for so many readings in a row, about four seconds, is no replica that lags. */
const shortReadingsMax = 6;

export class Watch {
  readonly #options: WatchOptions;
  #ended = false;
  #up = false;
  /** No reading since the connection was made or came back. */
  #fresh = true;
  #reading: AbortController | null = null;
  #finished: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => {};
  #dueAtMs = Infinity;
  #notBeforeMs = 0;
  #readAtMs = 0;
  #agreedAtMs = 0;
  #failures = 0;
  #shortReadings = 0;
  #fault: Fault | null = null;
  #staleSinceMs: number | null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#staleSinceMs = options.clock.now();
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  /** Unix ms since when the end of the log is not known; null while it is. */
  get staleSinceMs(): number | null {
    return this.#staleSinceMs;
  }

  /** Subscribes before anything is read, so that no event falls between the reading and the live ones. */
  attach(nc: NatsConnection): void {
    const { logger } = this.#options;
    const listen = (subject: string, take: (message: Msg) => void): void => {
      nc.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null) logger.warn({ subject, reason: error.message }, 'cannot listen');
          else if (!this.#ended) take(message);
        },
      });
    };
    listen(liveSubjects, (message) => this.#live(message));
    listen(headSubject, (message) => this.#head(message));
  }

  up(): void {
    this.#up = true;
    this.#fresh = true;
    this.#failures = 0;
    this.#notBeforeMs = 0;
    this.#ask(0);
  }

  down(): void {
    this.#up = false;
    this.#rest();
    this.#reading?.abort();
    this.#stale();
  }

  /** Resolves when the reading under way has ended. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.#rest();
    this.#reading?.abort();
    await this.#finished;
  }

  #live(message: Msg): void {
    const { tail, onFolded } = this.#options;
    const sequence = Number(message.headers?.get('Nats-Sequence'));
    if (message.headers?.get('Nats-Stream') !== logStream || !Number.isSafeInteger(sequence))
      return;
    // In doubt about the log nothing new is believed until a reading has found it sound again.
    if (this.#fault !== null) tail.hear(sequence);
    else if (tail.hint(sequence, message.data)) onFolded();
    if (tail.heard > tail.sequence) this.#ask(0);
  }

  #head(message: Msg): void {
    const { tail, clock } = this.#options;
    const head = readHead(message.data);
    if (head === null) return;
    const { sequence, hash, logId } = tail.state;
    const ours = sequence === 0 || head.logId === logId;
    if (ours && head.sequence === sequence && head.hash === hash) {
      this.#agreedAtMs = clock.now();
      tail.agree();
    } else if (ours && head.sequence > sequence) {
      tail.hear(head.sequence);
      this.#hurry();
      this.#ask(overtakenMs * Math.random());
    } else {
      this.#ask(this.#readAtMs + doubtMs - clock.now());
    }
  }

  /** A control plane reaches the log: do not sit out the back-off from when nobody did. */
  #hurry(): void {
    if (this.#fault !== null) return;
    const soonMs = this.#options.clock.now() + hurriedMsMax * Math.random();
    this.#notBeforeMs = Math.min(this.#notBeforeMs, soonMs);
  }

  /** A reading in `ms` from now at the latest, but not before the back-off of the last failure ends. */
  #ask(ms: number): void {
    if (this.#ended || !this.#up) return;
    const { clock } = this.#options;
    const dueAtMs = Math.max(clock.now() + Math.max(0, ms), this.#notBeforeMs);
    if (dueAtMs >= this.#dueAtMs) return;
    this.#dueAtMs = dueAtMs;
    // While a reading is under way its end sets the timer.
    if (this.#reading === null) this.#setTimer();
  }

  #setTimer(): void {
    const { clock } = this.#options;
    this.#cancelTimer();
    if (this.#dueAtMs === Infinity) return;
    const ms = Math.max(0, this.#dueAtMs - clock.now());
    this.#cancelTimer = clock.after(ms, () => {
      this.#dueAtMs = Infinity;
      this.#finished = this.#read();
    });
  }

  #rest(): void {
    this.#cancelTimer();
    this.#dueAtMs = Infinity;
  }

  async #read(): Promise<void> {
    const { reader, tail, clock, logger, onFolded } = this.#options;
    if (this.#isQuiet()) return this.#ask(silenceMsMax * (1 + Math.random()));
    const reading = new AbortController();
    this.#reading = reading;
    this.#readAtMs = clock.now();
    const { signal } = reading;
    try {
      await catchUp({ reader, tail, logger, signal, fromSnapshot: this.#fresh });
      this.#settle();
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
    this.#reading = null;
    if (this.#ended) return;
    onFolded();
    this.#setTimer();
  }

  /** Nothing to read for: a control plane agreed with us a moment ago. */
  #isQuiet(): boolean {
    const { tail, clock } = this.#options;
    const recent = clock.now() - this.#agreedAtMs < silenceMsMax;
    return recent && this.#staleSinceMs === null && tail.heard === tail.sequence;
  }

  #settle(): void {
    const changed = this.#fault !== null || this.#staleSinceMs !== null;
    if (this.#fault !== null) this.#options.logger.info('the log is sound again');
    this.#fault = null;
    this.#staleSinceMs = null;
    this.#fresh = false;
    this.#failures = 0;
    this.#shortReadings = 0;
    this.#notBeforeMs = 0;
    this.#ask(silenceMsMax * (1 + Math.random()));
    if (changed) this.#options.onChange();
  }

  #fail(error: unknown): void {
    const { clock, logger, tail } = this.#options;
    this.#failures += 1;
    this.#shortReadings = error instanceof ShortLog ? this.#shortReadings + 1 : 0;
    const ms = backoffMs(this.#failures, retryFirstMs, retryMsMax);
    this.#notBeforeMs = clock.now() + ms;
    this.#dueAtMs = this.#notBeforeMs;
    if (error instanceof UnreadableEvent) {
      const { field, message } = error;
      this.#raise({ kind: 'unreadable', sequence: tail.sequence + 1, field, message });
    } else if (this.#convicts(error)) {
      const message = messageOf(error);
      this.#raise({ kind: 'alarm', sequence: tail.heard, field: 'log', message });
    } else if (this.#fault === null) {
      logger.warn({ reason: messageOf(error), retryMs: Math.round(ms) }, 'cannot read the log');
    }
    this.#stale();
  }

  #convicts(error: unknown): boolean {
    if (error instanceof ShortLog) return this.#shortReadings >= shortReadingsMax;
    return error instanceof ForeignLog || error instanceof BrokenChain;
  }

  #raise(fault: Fault): void {
    const before = this.#fault;
    this.#fault = fault;
    if (before?.kind === fault.kind && before.message === fault.message) return;
    const { kind, sequence, field, message } = fault;
    this.#options.logger.error(
      { kind, sequence, field, reason: message },
      'the log is not followed',
    );
    if (kind === 'alarm' && before?.kind !== 'alarm') this.#options.onAlarm();
    this.#options.onChange();
  }

  #stale(): void {
    if (this.#staleSinceMs !== null) return;
    this.#staleSinceMs = this.#options.clock.now();
    this.#options.onChange();
  }
}

function readHead(bytes: Uint8Array): Head | null {
  try {
    return headShape.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}
