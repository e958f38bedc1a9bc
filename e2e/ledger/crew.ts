/** Worker processes of one kind, started again when they were killed. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Child } from '../topology/child.ts';
import type { Stage } from '../topology/stage.ts';
import type { Ledger } from './ledger.ts';
import type { WorkerSettings } from './worker.ts';

const program = fileURLToPath(new URL('worker.ts', import.meta.url));

export type CrewSettings = Omit<WorkerSettings, 'life' | 'file' | 'name'> & {
  readonly processes: number;
};

interface Member {
  readonly name: string;
  readonly file: string;
  child: Child;
  life: number;
}

export class Crew {
  readonly #stage: Stage;
  readonly #settings: CrewSettings;
  readonly #members: Member[];

  /** Starts all of it; each of `ledgers` reads what they write. */
  constructor(stage: Stage, settings: CrewSettings, ...ledgers: readonly Ledger[]) {
    this.#stage = stage;
    this.#settings = settings;
    const folder = stage.folder('ledger');
    this.#members = Array.from({ length: settings.processes }, (_, index) => {
      const name = `${settings.role}${String.fromCharCode(97 + index)}`;
      const file = join(folder, name);
      for (const ledger of ledgers) ledger.watch(file);
      return { name, file, life: 0, child: this.#start(name, file, 0) };
    });
  }

  signal(name: NodeJS.Signals): void {
    for (const { child } of this.#members) child.signal(name);
  }

  /** All at once, whatever they are doing, and each starts a new life. */
  async kill9(): Promise<void> {
    await Promise.all(this.#members.map(({ child }) => child.kill9()));
    for (const member of this.#members) {
      member.life++;
      member.child = this.#start(member.name, member.file, member.life);
    }
  }

  /**
   * The same, each at a moment when it has read all it could: a reply that waits unread for a
   * second counts as taken, and a machine that is busy enough may keep one waiting.
   */
  async killCarefully(): Promise<void> {
    for (const { child } of this.#members) child.signal('SIGUSR2');
    await Promise.all(this.#members.map(({ child }) => child.exited));
    await this.kill9();
  }

  /** Throws when a worker had died by itself. */
  async stop(): Promise<void> {
    for (const { child, name } of this.#members) {
      if (!child.running()) throw new Error(`worker ${name} ended by itself:\n${child.output()}`);
    }
    await Promise.all(this.#members.map(({ child }) => child.stop(60_000)));
  }

  #start(name: string, file: string, life: number): Child {
    const { processes: _, ...settings } = this.#settings;
    const given: WorkerSettings = { ...settings, name, file, life };
    return this.#stage.child({
      name: `${name} ${life}`,
      command: process.execPath,
      args: [program, JSON.stringify(given)],
    });
  }
}

/** Ten connections of good manners, at a pace that leaves time for what befalls the servers. */
export function steadyCrew(
  stage: Stage,
  who: Pick<CrewSettings, 'role' | 'port' | 'auth' | 'topic' | 'seed'>,
  ledger: Ledger,
): Crew {
  const habits = { mischief: 0, perSecond: 800, blockMs: 500, countMax: 40 };
  return new Crew(stage, { ...who, processes: 1, connections: 10, ...habits }, ledger);
}
