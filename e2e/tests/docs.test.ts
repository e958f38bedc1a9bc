/**
 * What README.md tells a newcomer to type works as written.
 *
 * Method: `npm start` runs on private ports; every shell block of the README is then executed line
 * by line in the project's folder, with the default ports replaced by the private ones. Lines that
 * start the product itself, install it or run all tests are what this run already does, and are
 * only checked to name scripts that exist.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { launchEmbedded, newPlace, type Place, projectRoot, ready } from '../topology/embedded.ts';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { redisCli } from '../topology/tools.ts';

const stage = useStage();
const readme = join(projectRoot, 'README.md');
let place: Place;

before(async () => {
  place = await newPlace(stage);
  await ready(launchEmbedded(stage, place));
});

test('README.md exists and its shell blocks run', async (t) => {
  assert.ok(existsSync(readme), 'README.md');
  const blocks = shellBlocks(readFileSync(readme, 'utf8'));
  assert.ok(blocks.length > 0, 'a README without commands helps nobody');
  const scripts = (
    JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    }
  ).scripts;
  const env = { PATH: `${process.env['PATH']}:${dirname(await redisCli())}` };
  for (const block of blocks) {
    for (const line of block) {
      const script = /^npm (?:run )?(start|test|[a-z-]+)\b/.exec(line)?.[1];
      if (script !== undefined) {
        const known = script in scripts || ['install', 'ci'].includes(script);
        assert.ok(known, `${line}: no such script`);
        continue;
      }
      if (/^(git|cd|docker|sudo|apt-get|export) /.test(line)) continue;
      t.diagnostic(line);
      const result = await run('bash', ['-c', moved(line)], { env, cwd: projectRoot });
      const said = `${line}\n${result.stdout}${result.stderr}`;
      assert.equal(result.code, 0, said);
      assert.doesNotMatch(
        result.stdout,
        /"error":|^\(error\)|^(ERR|NOAUTH|WRONGPASS|NOPERM) /m,
        said,
      );
    }
  }
});

/**
 * Lines of ```sh, ```bash and ```shell blocks; continued lines joined, prompts and comments left
 * out.
 */
function shellBlocks(markdown: string): string[][] {
  const blocks = markdown.matchAll(/^```(?:sh|bash|shell|console)\n([\s\S]*?)^```/gm);
  return [...blocks].map(([, text = '']) =>
    text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((line) => line.replace(/^\$ /, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

function moved(line: string): string {
  const { ports, stateFolder } = place;
  return line
    .replaceAll(/\b6380\b/g, String(ports.RESPOOL_RESP_PORT))
    .replaceAll(/\b7070\b/g, String(ports.RESPOOL_API_PORT))
    .replaceAll(/\b9070\b/g, String(ports.RESPOOL_ADMIN_PORT))
    .replaceAll(/(?<![\w/])\.respool\b/g, stateFolder);
}
