/** How Kafka's programs are started: the jars, the JVM's settings, and the class archive. */
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface KafkaTool {
  /** Path of `java`. */
  readonly java: string;
  /** Folder of the broker's jars. */
  readonly jars: string;
  /** A file that halves the time a broker needs to start; null, or not there, and it does without. */
  readonly archive: string | null;
}

const logSettings = join(import.meta.dirname, '..', 'provision', 'kafka', 'log4j2.properties');

/** `start`: quick to start, little memory. `work`: the JVM's own compilers and collector. */
const tunings = {
  start: ['-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'],
  work: ['-XX:-UsePerfData'],
};
/** A class archive that does not fit is left aside without a word. */
const sharing = ['-Xshare:auto', '-Xlog:cds=off', '-Xlog:cds+dynamic=off'];

export interface JavaOptions {
  readonly heapMib?: number;
  readonly tunedFor?: keyof typeof tunings;
  readonly logLevel?: 'WARN' | 'INFO' | 'DEBUG';
  /** Write the class archive to this file when the program ends, instead of using one. */
  readonly archiveTo?: string;
}

/** Arguments of `java` that run the class `main`. */
export function javaArguments(
  tool: KafkaTool,
  main: readonly string[],
  options: JavaOptions = {},
): string[] {
  const { archive } = tool;
  const { heapMib = 384, tunedFor = 'start', logLevel = 'WARN', archiveTo } = options;
  const reading =
    archive !== null && existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : [];
  const archiving = archiveTo === undefined ? reading : [`-XX:ArchiveClassesAtExit=${archiveTo}`];
  return [
    ...[...tunings[tunedFor], `-Xmx${heapMib}m`, ...sharing, ...archiving],
    ...[`-Dlog4j2.configurationFile=${logSettings}`, `-Drespool.kafka.log=${logLevel}`],
    ...['-cp', classPath(tool.jars), ...main],
  ];
}

/** In one fixed order: an archive is good only for the class path it was made with. */
function classPath(jars: string): string {
  const names = readdirSync(jars).filter((name) => name.endsWith('.jar'));
  return names
    .toSorted()
    .map((name) => join(jars, name))
    .join(delimiter);
}
