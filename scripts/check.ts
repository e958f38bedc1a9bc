/** `npm run check`: format and lint, house and import rules, types, unit tests; every one is run. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './provision/tools-folder.ts';

const bin = join(projectRoot, 'node_modules', '.bin');
const steps: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: 'format and lint', command: [join(bin, 'biome'), 'ci', '--diagnostic-level=warn', '.'] },
  { name: 'house and import rules', command: [process.execPath, 'scripts/tidy.ts'] },
  { name: 'types', command: [join(bin, 'tsc'), '--project', '.'] },
  { name: 'unit tests', command: [process.execPath, 'scripts/test.ts', 'unit'] },
];

const failed = steps.filter(({ name, command }) => {
  process.stdout.write(`\n== ${name}\n`);
  const [program = '', ...args] = command;
  const done = spawnSync(program, args, { cwd: projectRoot, stdio: 'inherit' });
  return done.status !== 0;
});
const names = failed.map(({ name }) => name).join(', ');
process.stdout.write(failed.length === 0 ? '\ncheck: good\n' : `\ncheck: failed in ${names}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
