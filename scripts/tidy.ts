/** Holds every source file against the house rules and the import rules; part of `npm run check`. */
import { importComplaints } from './check/import-rules.ts';
import { importsOf } from './check/imports.ts';
import { readSources } from './check/sources.ts';
import { tidyComplaints } from './check/tidy-rules.ts';
import { projectRoot } from './provision/tools-folder.ts';

const sources = readSources(projectRoot, ['.ts', '.mjs']);
const byHand = sources.filter(({ path }) => !path.includes('/generated/'));
const paths = new Set(sources.map(({ path }) => path));
const complaints = [
  ...byHand.flatMap(tidyComplaints),
  ...importComplaints(byHand.flatMap(importsOf), paths),
];
for (const { path, line, message } of complaints) {
  process.stdout.write(`${path}:${line} ${message}\n`);
}
process.stdout.write(`tidy: ${byHand.length} files, ${complaints.length} complaints\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;
