/** Jars with all they depend on, resolved by Maven from a pom and held against pinned hashes. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { retried } from '../retry.mjs';
import { installWay } from './debian.ts';
import { fingerprint } from './fingerprint.ts';
import { provisionJava } from './java.ts';
import { run } from './run.ts';
import { provision } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

/**
 * A repository that says nothing for a minute is given up (Maven before 3.9 and since), and what
 * could not be had the last time is asked for again.
 */
const patient = [
  ...['-Dmaven.wagon.rto=60000', '-Dmaven.wagon.http.retryHandler.count=3'],
  ...['-Daether.connector.requestTimeout=60000', '--update-snapshots'],
];

/** Pinned, or Maven would take whatever is newest on the day. */
const copyJars = 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies';

/**
 * The folder that holds every runtime jar of the pom at `pomFile`, and nothing else; resolved once
 * for each content of the pom. `targetName` starts the folder's name: `kafka`, `java-clients`.
 *
 * Beside the pom stands `jars.sha256`, as `sha256sum *.jar` prints it: Maven itself checks only
 * that a jar is what its repository says. Rejects with the right lines when a jar is not listed,
 * differs, or is missing.
 */
export async function resolveJars(pomFile: string, targetName: string): Promise<string> {
  const pinned = await readFile(join(dirname(pomFile), 'jars.sha256'), 'utf8').catch(() => '');
  const name = `${targetName}-${await fingerprint([pomFile], pinned)}`;
  return await keptFolder(name, async (into) => {
    await copyInto(pomFile, into);
    await checkSums(into, pinned, targetName);
  });
}

async function copyInto(pomFile: string, into: string): Promise<void> {
  const { home } = await provisionJava();
  const mvn = await provision({
    name: 'mvn',
    variable: 'RESPOOL_MVN_BIN',
    minimum: '3.6',
    versionArgs: ['--version'],
    env: { JAVA_HOME: home },
    folder: 'maven-debian',
    ways: [installWay(['maven'], ['mvn'])],
    advice: 'install maven and start again',
  });
  const what = ['-DincludeScope=runtime', `-DoutputDirectory=${into}`];
  const quiet = ['--batch-mode', '--quiet'];
  const args = [...quiet, ...patient, '--file', pomFile, copyJars, ...what];
  await retried(() => run(mvn, args, { env: { JAVA_HOME: home } }));
}

async function checkSums(folder: string, pinned: string, targetName: string): Promise<void> {
  const names = (await readdir(folder)).toSorted();
  const lines = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)));
    return `${hash.digest('hex')}  ${name}`;
  });
  const different = differences(await Promise.all(lines), pinned);
  if (different === null) return;
  throw new Error(`the jars of ${targetName} are not those in jars.sha256${different}`);
}

/**
 * Null when the lines of `pinned`, in any order, are exactly those found; else both sides' lines
 * that the other lacks, each under a heading.
 */
export function differences(found: readonly string[], pinned: string): string | null {
  const listed = pinned.split('\n').filter((line) => line !== '');
  const told = (label: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `\n${label}:\n${lines.join('\n')}`;
  const resolved = found.filter((line) => !listed.includes(line));
  const missing = listed.filter((line) => !found.includes(line));
  const all = told('resolved', resolved) + told('listed', missing);
  return all === '' ? null : all;
}
