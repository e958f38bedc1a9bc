/** CLIENT REPLY: commands whose replies are not said, though they are carried out in their order. */
import type { Command } from '../command/request.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import { encodeError, encodeSimple } from '../resp/encoder.ts';
import type { Session, SessionWatcher } from '../session/session.ts';
import { refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

const ok = encodeSimple('OK');
const syntax = encodeError('ERR', 'syntax error');

/**
 * OFF costs nothing: runs of a muted queue are muted. SKIP is about one command, which must be
 * seen.
 * Source: Redis 7.0 `clientCommand` and `resetClient`. Pushes are said all the same, and so are
 * confirmations of subscriptions.
 */
export function carryReplyMode(scene: Scene, command: Command): boolean {
  switch (command.text(2).toLowerCase()) {
    case 'on':
      silenceOf(scene).end();
      reply(scene, command, ok);
      return true;
    case 'off':
      silenceOf(scene).begin();
      return true;
    case 'skip':
      silenceOf(scene).skipNext();
      return true;
    default:
      refuse(scene, command, syntax);
      return true;
  }
}

/** A diverted session's command was taken: the one to be skipped is next, or was this. */
export function afterSkipping({ session }: Scene): void {
  silences.get(session)?.commandTaken();
}

const silences = new WeakMap<Session, Silence>();

function silenceOf(scene: Scene): Silence {
  let silence = silences.get(scene.session);
  if (silence === undefined) {
    silence = new Silence(scene);
    silences.set(scene.session, silence);
    scene.session.watch(silence);
  }
  return silence;
}

class Silence implements SessionWatcher {
  readonly #session: Session;
  readonly #queue: ReplyQueue;
  /** `asked`: by the command being carried out, for the next one; `now`: that one is here. */
  #skip: 'no' | 'asked' | 'now' = 'no';

  constructor({ session, client }: Scene) {
    this.#session = session;
    this.#queue = client.queue;
  }

  begin(): void {
    this.#forget();
    this.#queue.muting = true;
  }

  end(): void {
    this.#forget();
    this.#queue.muting = false;
  }

  /** Of a session that is silent for good nothing is left to skip. */
  skipNext(): void {
    if (this.#queue.muting && this.#skip === 'no') return;
    this.#skip = 'asked';
    this.#session.divert('silence');
  }

  commandTaken(): void {
    if (this.#skip === 'no') return;
    if (this.#skip === 'now') this.end();
    else {
      this.#skip = 'now';
      this.#queue.muting = true;
    }
  }

  rebound(): void {}

  /** RESET ends OFF, so that its own reply is heard, and is skipped where it was to be. */
  left(): void {
    if (this.#skip === 'no') this.#queue.muting = false;
  }

  #forget(): void {
    this.#skip = 'no';
    this.#session.rejoin('silence');
  }
}
