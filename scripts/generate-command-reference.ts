/** `npm run reference`: writes docs/reference/commands.md anew. */
import { writeFileSync } from 'node:fs';
import { commandReference } from './command-reference.ts';

const page = commandReference();
writeFileSync(new URL('../docs/reference/commands.md', import.meta.url), page);
console.log(`docs/reference/commands.md: ${page.split('\n').length} lines`);
