/** Java 17 or later: Kafka's broker, and the Java clients in the stories, compiled by its own module. */
import { basename, delimiter } from 'node:path';
import { installWay } from './debian.ts';
import { filesIn, fingerprint } from './fingerprint.ts';
import { run } from './run.ts';
import { provision } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

export interface JavaTool {
  /** Path of `java`. */
  readonly java: string;
  /** Where that Java lives: what `JAVA_HOME` has to hold for programs that look for one. */
  readonly home: string;
}

/**
 * Debian's headless JRE keeps its configuration outside its own folder and its certificates are
 * made when it is installed, so it does not run from where it was unpacked.
 */
export async function provisionJava(): Promise<JavaTool> {
  const java = await provision({
    name: 'java',
    variable: 'RESPOOL_JAVA_BIN',
    minimum: '17.0',
    versionArgs: ['-version'],
    folder: 'java-debian',
    ways: [installWay(['default-jre-headless'], ['java'])],
    advice: 'install default-jre-headless (Java 17 or later) and start again',
  });
  const told = await run(java, ['-XshowSettings:properties', '-version'], { withStderr: true });
  const home = /^\s*java\.home = (.+)$/m.exec(told)?.[1];
  if (home === undefined) throw new Error(`${java} does not tell its java.home`);
  return { java, home };
}

/**
 * The folder of classes compiled from the sources in `folders` for Java 17, once for each content
 * of them, against every jar of the folder `jars`. Debian's JRE has the compiler as a module though
 * no program `javac`.
 */
export async function compileJava(
  folders: readonly string[],
  jars: string,
  targetName: string,
): Promise<string> {
  const found = folders.map((folder) => filesIn(folder, ['.java']));
  const sources = (await Promise.all(found)).flat();
  const name = `${targetName}-${await fingerprint(sources, basename(jars))}`;
  return await keptFolder(name, async (into) => {
    const { java } = await provisionJava();
    // Only the program `javac` knows what `*` means in a class path.
    const classPath = (await filesIn(jars, ['.jar'])).join(delimiter);
    const compiler = ['--module', 'jdk.compiler/com.sun.tools.javac.Main', '--release', '17'];
    const read = ['-encoding', 'UTF-8', '-cp', classPath];
    await run(java, [...compiler, ...read, '-d', into, ...sources]);
  });
}
