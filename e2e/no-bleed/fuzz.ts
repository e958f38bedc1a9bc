/** Many sessions at once, living and dying at random; the first wrong byte ends the run. */

import { generator } from '../topology/load.ts';
import { deathKinds, die, noRemains, type Remains } from './deaths.ts';
import { Life, type Place } from './life.ts';
import { audit, drawMove } from './moves.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Batches of commands, over all sessions. */
  readonly steps: number;
  readonly sessionsPerTenant: number;
  /** What one life does at most before it ends; 20 without. */
  readonly stepsPerLifeMax?: number;
  /** The ways to end; all without. */
  readonly deaths?: readonly string[];
  /** By tenant. */
  readonly places: Readonly<Record<string, Place>>;
}

export interface FuzzReport {
  readonly steps: number;
  readonly lives: number;
  /** How often each way to end happened. */
  readonly deaths: Readonly<Record<string, number>>;
  /** By tenant: to be looked at once everything is quiet. */
  readonly remains: Readonly<Record<string, Remains>>;
  /** What was wrong; empty when nothing was. */
  readonly complaints: readonly string[];
}

interface Run {
  steps: number;
  lives: number;
  deaths: Record<string, number>;
  remains: Record<string, Remains>;
  complaints: string[];
}

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const run: Run = { steps: 0, lives: 0, deaths: {}, remains: {}, complaints: [] };
  const sessions: Promise<void>[] = [];
  let seed = options.seed;
  for (const [tenant, place] of Object.entries(options.places)) {
    run.remains[tenant] = noRemains();
    for (let index = 0; index < options.sessionsPerTenant; index += 1) {
      seed += 1;
      const session = { tenant, place, seed, index: sessions.length };
      sessions.push(live(session, options, run));
    }
  }
  await Promise.all(sessions);
  return run;
}

interface Session {
  readonly tenant: string;
  readonly place: Place;
  readonly seed: number;
  readonly index: number;
}

/** One life after the other, until the run has its steps. */
async function live(session: Session, options: FuzzOptions, run: Run): Promise<void> {
  const random = generator(session.seed * 7_919);
  for (let number = 0; run.steps < options.steps && run.complaints.length === 0; number += 1) {
    const protocol = random() < 0.5 ? 2 : 3;
    const owner = { tenant: session.tenant, life: `${session.index}.${number}` };
    const client = await session.place.connect(protocol);
    const life = new Life(owner, session.place, client, protocol, Math.floor(random() * 2 ** 31));
    run.lives += 1;
    run.steps += 1;
    await spend(life, Math.ceil(random() * (options.stepsPerLifeMax ?? 20)), options, run);
    if (life.complaint !== null) run.complaints.push(life.complaint);
    await end(life, options.deaths ?? deathKinds, run);
  }
}

async function spend(life: Life, steps: number, options: FuzzOptions, run: Run): Promise<void> {
  if (!(await life.say(audit(life)))) return;
  for (let left = steps; left > 0; left -= 1) {
    if (run.steps >= options.steps || run.complaints.length > 0) return;
    run.steps += 1;
    if (!(await life.say(drawMove(life)))) return;
    if (life.awaited.size > 0 && !(await life.hearMessages())) return;
  }
}

async function end(life: Life, kinds: readonly string[], run: Run): Promise<void> {
  const { kind, remains } = await die(life, kinds);
  run.deaths[kind] = (run.deaths[kind] ?? 0) + 1;
  const all = run.remains[life.owner.tenant] as Remains;
  all.unmade.push(...(remains.unmade ?? []));
  all.unpopped.push(...(remains.unpopped ?? []));
  all.undelivered.push(...(remains.undelivered ?? []));
  all.together.push(...(remains.together ?? []));
  all.kept.push(...(remains.kept ?? []));
  all.whole.push(...(remains.whole ?? []));
}
