/** The one order in which a program is looked for: named, on PATH, kept, fetched, or a clear error. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './run.ts';
import { keptFolder, toolsFolder } from './tools-folder.ts';
import { isAtLeast, versionIn } from './version.ts';

/** One place a program can be fetched from. */
export interface Way {
  /** Completes "could not be fetched …", such as `with pip`. */
  readonly label: string;
  /** Puts the program into `into`, under the tool's name; rejects when this way is closed. */
  readonly fetch: (into: string) => Promise<void>;
}

export interface Tool {
  readonly name: string;
  /** Environment variable that names the program, before anything else is tried. */
  readonly variable: string;
  readonly minimum: string;
  readonly versionArgs: readonly string[];
  /** What the program needs in its environment to tell its version. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name under the tools folder, version included, so that a new version is fetched anew. */
  readonly folder: string;
  readonly ways: readonly Way[];
  /** What to tell somebody for whom no way is open, as the end of a sentence. */
  readonly advice: string;
}

/** Absolute path of a program at least as new as the tool asks for; rejects naming every way tried. */
export async function provision(tool: Tool): Promise<string> {
  const named = process.env[tool.variable];
  if (named !== undefined && named !== '') {
    const unfit = await unfitness(tool, named);
    if (unfit === null) return named;
    throw new Error(`${tool.variable} names ${named}, but ${unfit}`);
  }
  const notes: string[] = [];
  for (const path of onPath(tool.name)) {
    const unfit = await unfitness(tool, path);
    if (unfit === null) return path;
    notes.push(unfit);
  }
  const kept = join(toolsFolder(), tool.folder, tool.name);
  if (existsSync(kept)) return kept;
  await keptFolder(tool.folder, (into) => fetch(tool, into, notes));
  return kept;
}

async function fetch(tool: Tool, into: string, notes: string[]): Promise<void> {
  for (const way of tool.ways) {
    try {
      await way.fetch(into);
      const unfit = await unfitness(tool, join(into, tool.name));
      if (unfit === null) return;
      notes.push(`fetched ${way.label}, but ${unfit}`);
    } catch (error) {
      notes.push(`could not be fetched ${way.label}: ${messageOf(error)}`);
    }
    await rm(into, { recursive: true, force: true });
    await mkdir(into);
  }
  const wanted = `${tool.name} ${tool.minimum} or later is needed and was not found:`;
  const tried = notes.map((note) => `\n  - ${note}`).join('');
  throw new Error(`${wanted}${tried}\nSet ${tool.variable} to one, or ${tool.advice}`);
}

/** Why `path` will not do, as the end of a sentence; null when it will. */
async function unfitness(tool: Tool, path: string): Promise<string | null> {
  if (!isExecutable(path)) return `${path} is no executable file`;
  // Nutcracker prints its version on standard error.
  const { env = {} } = tool;
  const asked = run(path, tool.versionArgs, { env, msMax: 60_000, withStderr: true });
  const printed = await asked.catch(messageOf);
  const version = versionIn(printed);
  if (version === null) return `${path} does not run: ${printed}`;
  if (isAtLeast(version, tool.minimum)) return null;
  return `${path} is version ${version}, older than ${tool.minimum}`;
}

/** Every `name` on PATH, and in the folders of system programs that only root's PATH holds. */
export function onPath(name: string): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const all = new Set([...folders, '/usr/local/sbin', '/usr/sbin']);
  return [...all].map((folder) => join(folder, name)).filter(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
