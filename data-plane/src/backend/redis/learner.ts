/** Asks a backend's servers which commands they have, now and then, for those the proxy does not know. */
import { CommandError, Purse } from '../../command/backing.ts';
import type { ForeignCommands } from '../../command/foreign.ts';
import type { Resp } from '../../resp/resp.ts';
import type { Turn } from '../../turn.ts';

/** A server with every module known answers with a quarter of this. */
const replyBytesMax = 4 * 1024 * 1024;
/** Servers that come and go are asked at most this often. */
const pauseUs = 5_000_000;

export type AskServer = (args: readonly string[], purse: Purse) => Promise<Resp>;

export class Learner {
  readonly #foreign: ForeignCommands;
  readonly #turn: Turn;
  readonly #ask: AskServer;
  #asked: Promise<void> | null = null;
  #due = false;
  #askedUs = 0;

  constructor(foreign: ForeignCommands, turn: Turn, ask: AskServer) {
    this.#foreign = foreign;
    this.#turn = turn;
    this.#ask = ask;
  }

  /** A server came, perhaps in another version. */
  doubt(): void {
    this.#due = true;
  }

  /** Called several times a second. */
  tick(): void {
    if (this.#due && this.#turn.nowUs() - this.#askedUs >= pauseUs) void this.learn();
  }

  /** One question at a time. Never rejects: a server that does not allow COMMAND teaches nothing. */
  learn(): Promise<void> {
    this.#due = false;
    this.#askedUs = this.#turn.nowUs();
    this.#asked ??= this.#learn().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  async #learn(): Promise<void> {
    const purse = new Purse({ bytes: 0, bytesMax: replyBytesMax }, replyBytesMax);
    try {
      this.#foreign.learn(await this.#ask(['COMMAND'], purse));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
}
