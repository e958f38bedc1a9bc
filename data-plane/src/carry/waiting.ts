/** A client that waits for what others do: held, listened to, and answered once. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { type Run, whenSent } from '../command/run.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { Wait } from '../listen/wait.ts';
import type { ProcessCounters } from '../observe/observe.ts';
import { encodeError, encodeNull } from '../resp/encoder.ts';
import type { Session, SessionWatcher } from '../session/session.ts';
import { meterOf, type Scene } from './scene.ts';

/** Source: Redis 7.0 CLIENT UNBLOCK … ERROR. */
const byOther = encodeError('UNBLOCKED', 'client unblocked via CLIENT UNBLOCK');
const byMove = encodeError(
  'UNBLOCKED',
  'the backend of this session changed while the command waited',
);
const byDenial = encodeError('UNBLOCKED', 'this user may not run the command any more');
const byEnd = encodeError('UNBLOCKED', 'the session ends: this proxy stops, or the user is gone');

/** On which terms a client waits. */
export interface Terms {
  /** Asked after each change of the session: why it may wait no longer, or null. */
  stays(session: Session): Buffer | null;
  /** What it is answered after its time. */
  readonly nothing: Buffer;
}

/** It waits at a server of its backend, which must stay the same; `writes`: not if it is read-only. */
export function atItsBackend({ route, way, protocol }: Session, writes: boolean): Terms {
  return {
    nothing: encodeNull(protocol, true),
    stays(session) {
      const { upstream, prefix } = session.way;
      const same =
        session.route?.backend === route?.backend &&
        upstream?.database === way.upstream?.database &&
        String(prefix) === String(way.prefix);
      if (!same) return byMove;
      return writes && session.user?.readOnly ? byDenial : null;
    },
  };
}

export class Waiting implements Wait, SessionWatcher {
  /** Nobody would take a reply. */
  isGone = false;
  readonly blocks = true;
  readonly #client: ClientConnection;
  readonly #session: Session;
  readonly #counters: ProcessCounters;
  readonly #run: Run;
  readonly #terms: Terms;
  /** Has who makes the reply end the command; the argument asks for an error instead of a timeout. */
  readonly #interrupt: (error: boolean) => void;
  #verdict: Buffer | null = null;
  #ended = false;

  constructor(scene: Scene, command: Command, terms: Terms, interrupt: (error: boolean) => void) {
    const { client, session, proxy } = scene;
    const { queue } = client;
    this.#client = client;
    this.#session = session;
    this.#counters = proxy.observe.counters;
    this.#terms = terms;
    this.#interrupt = interrupt;
    const size = command.end - command.start;
    queue.owe(1, size);
    this.#run = queue.addAnswer((command.facts as CommandFacts).family, meterOf(scene));
    this.#run.requestBytes = size;
    client.wait = this;
    client.holdFor('blocked');
    session.watch(this);
    this.#counters.clientsBlocked++;
  }

  /** What to answer instead of waiting on; null while nobody has ended it. */
  verdict(): Buffer | null {
    return this.#verdict;
  }

  /** Whether the verdict says more than the server's own words for it would. */
  get hasText(): boolean {
    return this.#verdict !== null && this.#verdict !== byOther;
  }

  /** A part of the reply. */
  say(bytes: Buffer): void {
    if (this.#ended) return;
    this.#run.midReply = true;
    this.#client.queue.take(this.#run, bytes, 0, bytes.length, 0, false);
  }

  /** The last part of the reply, or all of it; `sent` is called once it has left. */
  end(bytes: Buffer, sent: (() => void) | null = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#counters.clientsBlocked--;
    this.#session.unwatch(this);
    const { queue } = this.#client;
    queue.restamp(this.#run);
    if (sent !== null) whenSent(this.#run, sent);
    if (bytes[0] === 45) this.#run.errors++;
    queue.answer(this.#run, bytes, bytes.length);
    this.#client.release();
  }

  /** A reply of which a part was said will not be completed. */
  tear(): void {
    this.#client.queue.tear(this.#run);
    this.end(Buffer.alloc(0));
  }

  ending(): void {
    this.#stop(byEnd, true);
  }

  gone(): void {
    this.isGone = true;
    this.#stop(byEnd, true);
  }

  left(): void {
    this.gone();
  }

  unblock(error: boolean): void {
    this.#stop(error ? byOther : this.#terms.nothing, error);
  }

  rebound(session: Session): void {
    const reason = this.#terms.stays(session);
    if (reason !== null) this.#stop(reason, true);
  }

  #stop(verdict: Buffer, error: boolean): void {
    if (this.#ended || this.#verdict !== null) return;
    this.#verdict = verdict;
    this.#interrupt(error);
  }
}
