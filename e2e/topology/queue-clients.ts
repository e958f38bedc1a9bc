/** The queue SDKs of `clients/`: their test programs, and the example in each one's README. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { compileJava, provisionJava } from '../../scripts/provision/java.ts';
import { resolveJars } from '../../scripts/provision/maven.ts';
import { provisionPhp, provisionPredis } from '../../scripts/provision/php.ts';
import { projectRoot } from '../../scripts/provision/tools-folder.ts';
import { type RunResult, run } from './run.ts';
import { redisPy } from './tools.ts';

/** What a program reads from standard input. The token of a user is a login by itself, too. */
export interface QueueJob {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly token: string;
  /** A user of the same tenant without any grant. */
  readonly stranger: string;
  readonly strangerToken: string;
  /** The same proxy by TLS, with a certificate for `localhost` of the authority in that file. */
  readonly tlsPort: number;
  readonly authorityFile: string;
}

/** One line that a program prints; `detail` is empty when nothing went wrong. */
export interface CheckOutcome {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** A program, less what it is to do. */
interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const clients = join(projectRoot, 'clients');
/** Far more than all checks take. */
const deadlineMs = 400_000;

const programs = {
  'TypeScript with ioredis': async (): Promise<Command> => {
    return { program: process.execPath, args: [join(clients, 'typescript', 'test', 'story.ts')] };
  },
  'Python with redis-py': () => pythonProgram('plain.py'),
  'Python with redis-py and asyncio': () => pythonProgram('with_asyncio.py'),
  'Java with Jedis': () => javaProgram('Story'),
  'PHP with a plain socket': () => phpProgram('socket'),
  'PHP with Predis': () => phpProgram('predis'),
} as const;

export type QueueClientName = keyof typeof programs;
export const queueClientNames = Object.keys(programs) as QueueClientName[];

/**
 * Runs `checks` with one of the SDKs. Resolves with one outcome each; a program that ended early is
 * told in the place of those it still owed.
 */
export async function runQueueClient(
  name: QueueClientName,
  job: QueueJob,
  checks: readonly string[],
): Promise<CheckOutcome[]> {
  const { program, args, env = {} } = await programs[name]();
  const input = JSON.stringify({ ...job, checks });
  const { stdout, stderr, code } = await run(program, args, { input, env, deadlineMs });
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const told = lines.map((line) => JSON.parse(line) as CheckOutcome);
  const ended = `${name} ended with code ${code}: ${(stdout + stderr).slice(-2_000)}`;
  return checks.map((check) => {
    return told.find((each) => each.check === check) ?? { check, ok: false, detail: ended };
  });
}

const examples = {
  typescript: typescriptExample,
  python: async (code: string, folder: string): Promise<Command> => {
    const { python, env } = await pythonPaths();
    await writeFile(join(folder, 'example.py'), code);
    return { program: python, args: ['-B', join(folder, 'example.py')], env };
  },
  java: async (code: string, folder: string): Promise<Command> => {
    await writeFile(join(folder, 'Example.java'), code);
    return javaProgram('Example', [folder]);
  },
  php: async (code: string, folder: string): Promise<Command> => {
    await writeFile(join(folder, 'example.php'), code);
    return { program: await provisionPhp(), args: [join(folder, 'example.php')] };
  },
} as const;

export type ExampleName = keyof typeof examples;

/** The first block of code in the README of `clients/<name>`, and what it is said to print. */
export async function exampleOf(name: ExampleName): Promise<{ code: string; prints: string }> {
  const readme = await readFile(join(clients, name, 'README.md'), 'utf8');
  const languages = { typescript: 'ts', python: 'python', java: 'java', php: 'php' } as const;
  const block = (language: string) =>
    new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(readme)?.[1] ?? '';
  return { code: block(languages[name]), prints: block('text') };
}

/** Runs `code` in `folder`, an empty one, from the folder of the project. */
export async function runExample(
  name: ExampleName,
  code: string,
  { folder, url }: { readonly folder: string; readonly url: string },
): Promise<RunResult> {
  const { program, args, env = {} } = await examples[name](code, folder);
  const settings = { ...env, RESPOOL_URL: url };
  return await run(program, args, { env: settings, cwd: projectRoot, deadlineMs });
}

/** Built as for a registry, type declarations and all, and used from outside as a package. */
async function typescriptExample(code: string, folder: string): Promise<Command> {
  const own = join(clients, 'typescript');
  const installed = join(folder, 'node_modules', 'respool-queues');
  await mkdir(installed, { recursive: true });
  const modules = join(projectRoot, 'node_modules');
  for (const name of ['ioredis', '@types']) {
    await symlink(join(modules, name), join(folder, 'node_modules', name));
  }
  await writeFile(join(installed, 'package.json'), await readFile(join(own, 'package.json')));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'example.ts'), code);
  const extending = { extends: join(projectRoot, 'tsconfig.base.json'), files: ['example.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(extending));
  const tsc = join(modules, '.bin', 'tsc');
  const build = ['--project', join(own, 'tsconfig.build.json')];
  for (const args of [
    [...build, '--outDir', join(installed, 'dist')],
    ['--project', folder],
  ]) {
    const { code: failed, stdout } = await run(tsc, args);
    if (failed !== 0) throw new Error(stdout);
  }
  return { program: process.execPath, args: [join(folder, 'example.ts')] };
}

async function pythonProgram(file: string): Promise<Command> {
  const { python, env } = await pythonPaths();
  return { program: python, args: ['-B', join(clients, 'python', 'test', file)], env };
}

async function pythonPaths(): Promise<{ python: string; env: { PYTHONPATH: string } }> {
  const { python, env } = await redisPy();
  const paths = [join(clients, 'python'), env.PYTHONPATH];
  return { python, env: { PYTHONPATH: paths.join(delimiter) } };
}

/** The class `main` of the tests, or of the sources in `more`. */
async function javaProgram(main: string, more: readonly string[] = []): Promise<Command> {
  const own = join(clients, 'java');
  const { java } = await provisionJava();
  const jars = await resolveJars(join(own, 'pom.xml'), 'java-queues');
  const library = join(own, 'src', 'main', 'java', 'respool', 'queues');
  const sources = [library, join(own, 'src', 'test', 'java'), ...more];
  const classes = await compileJava(sources, jars, 'java-queue-programs');
  // A short life: no time is worth spending on optimised code or a concurrent collector.
  const brief = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
  const classPath = [classes, join(jars, '*')].join(delimiter);
  return { program: java, args: [...brief, '-cp', classPath, main] };
}

async function phpProgram(transport: 'socket' | 'predis'): Promise<Command> {
  const story = join(clients, 'php', 'test', 'story.php');
  const env = transport === 'predis' ? { RESPOOL_TEST_PREDIS: await provisionPredis() } : {};
  return { program: await provisionPhp(), args: [story, transport], env };
}
