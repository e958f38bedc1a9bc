/** Apache Kafka as jars from Maven's registry, with an archive of its classes for quick starts. */
import { createHash } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startKafka } from '../kafka/cluster.ts';
import type { KafkaTool } from '../kafka/jvm.ts';
import { provisionJava } from './java.ts';
import { resolveJars } from './maven.ts';
import { run } from './run.ts';
import { messageOf } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

const pom = join(import.meta.dirname, 'kafka', 'pom.xml');

/**
 * What `startKafka` needs. `RESPOOL_TEST_KAFKA_JARS` names a folder of jars to be used instead of
 * the pinned ones: the `libs` of another version. Rejects naming what is missing and how to get it.
 */
export async function provisionKafka(): Promise<KafkaTool> {
  const { java } = await provisionJava();
  const named = process.env['RESPOOL_TEST_KAFKA_JARS'];
  const jars = named === undefined || named === '' ? await resolveJars(pom, 'kafka') : named;
  return { java, jars, archive: await classArchive({ java, jars, archive: null }) };
}

/** Written by one broker that is started and stopped, once a machine; null if that went wrong. */
async function classArchive(tool: KafkaTool): Promise<string | null> {
  const version = await run(tool.java, ['-version'], { withStderr: true });
  const content = createHash('sha256').update(`${version}\n${tool.jars}`).digest('hex');
  const name = `kafka-classes-${content.slice(0, 12)}`;
  const file = 'classes.jsa';
  try {
    const folder = await keptFolder(name, async (into) => {
      const broker = join(into, 'broker');
      const archive = join(broker, file);
      const cluster = await startKafka(tool, { folder: broker, java: { archiveTo: archive } });
      await cluster.stop();
      await rename(archive, join(into, file));
      await rm(broker, { recursive: true });
    });
    return join(folder, file);
  } catch (error) {
    // Only slower without it; whatever is really wrong will be told by the next start.
    process.stderr.write(`respool: Kafka starts without a class archive: ${messageOf(error)}\n`);
    return null;
  }
}
