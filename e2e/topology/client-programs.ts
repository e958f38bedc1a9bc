/** Today's client libraries as programs, one process a client: targets in, a line out a check. */
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildGo } from '../../scripts/provision/go.ts';
import { compileJava, provisionJava } from '../../scripts/provision/java.ts';
import { resolveJars } from '../../scripts/provision/maven.ts';
import type { Job, Target } from '../clients/node/checks.ts';
import { run } from './run.ts';
import { redisPy } from './tools.ts';

export type { Target } from '../clients/node/checks.ts';

/** One line of a program. */
export interface Outcome {
  readonly target: string;
  readonly check: string;
  readonly ok: boolean;
  /** What went wrong, with a stack; empty when nothing did. */
  readonly detail: string;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Far more than all checks on all targets take; a proxy that is gone would cost each its time. */
const deadlineMs = 400_000;
const folder = fileURLToPath(new URL('../clients', import.meta.url));

const commands = {
  ioredis: () => nodeProgram('ioredis.ts'),
  'node-redis': () => nodeProgram('node-redis.ts'),
  'redis-py': async (): Promise<Command> => {
    const { python, env } = await redisPy();
    return { program: python, args: ['-B', join(folder, 'python', 'redis_py.py')], env };
  },
  'go-redis': async (): Promise<Command> => {
    return { program: await buildGo(join(folder, 'go'), 'go-clients'), args: [] };
  },
  Jedis: () => javaProgram('JedisProgram'),
  Lettuce: () => javaProgram('LettuceProgram'),
} as const;

export type ClientName = keyof typeof commands;
export const clientNames = Object.keys(commands) as ClientName[];

/**
 * Runs `checks` on every target with the client. Resolves with one outcome a check and target; a
 * program that ended early is told in the place of those it still owed.
 */
export async function runClient(
  client: ClientName,
  checks: readonly string[],
  targets: readonly Target[],
): Promise<Outcome[]> {
  const { program, args, env = {} } = await commands[client]();
  const job: Job = { checks, targets };
  const result = await run(program, args, { input: JSON.stringify(job), env, deadlineMs });
  const lines = result.stdout.split('\n').filter((line) => line.startsWith('{'));
  const told = lines.map((line) => JSON.parse(line) as Outcome);
  const ended = `${client} ended with code ${result.code}: ${result.stderr.slice(-2_000)}`;
  return targets.flatMap((target) =>
    checks.map((check) => {
      const found = told.find((each) => each.target === target.name && each.check === check);
      return found ?? { target: target.name, check, ok: false, detail: ended };
    }),
  );
}

async function nodeProgram(file: string): Promise<Command> {
  return { program: process.execPath, args: [join(folder, 'node', file)] };
}

async function javaProgram(main: string): Promise<Command> {
  const sources = join(folder, 'java');
  const { java } = await provisionJava();
  const jars = await resolveJars(join(sources, 'pom.xml'), 'java-clients');
  const classes = await compileJava([sources], jars, 'java-client-programs');
  // A short life: no time is worth spending on optimised code or a concurrent collector.
  const brief = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
  const classPath = [classes, join(jars, '*')].join(delimiter);
  return { program: java, args: [...brief, '-cp', classPath, main] };
}
