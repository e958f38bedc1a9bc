/** docs/reference/commands.md, from the treatments the proxies run on. */

import {
  type Circumstances,
  type Contract,
  contractOf,
  type Share,
  usual,
} from '@respool/contracts/commands/contract';
import type { CommandFacts } from '@respool/contracts/commands/facts';
import { commands, families } from '@respool/contracts/commands/table';
import { goesAsItIs } from '@respool/contracts/commands/treatment';
import type { Isolation } from '@respool/contracts/entities';

type Backend = Circumstances['backend'];
type Mode = Isolation['mode'];

const head = `# Commands

Every command and what becomes of it, written by \`npm run reference\` from the table the proxies
run on; a test compares this page with that table, others the table with what a proxy answers and
with what reaches the servers behind it. The same for one tenant and user: \`PROXY COMMAND [name …]\`
on the wire, and in the [API](api.md) \`GET /v1/tenants/:tenant/commands\`.

\`PROXY EXPLAIN command…\` says how one command would be carried out, without running it: \`tenant\`
and \`user\`, the \`sequence\` of the configuration that holds, the id of the \`route\` it takes and by
which \`rule\` (\`the default route\`, or \`chosen by USE\`), its \`backend\`, its \`keys\` with slot and
node, the \`contract\` of the command, the \`verdict\` (\`admitted\`, or the error it would be answered
with) and how it is \`carried-out\`. Arguments that are no keys are not shown.

- **native**: the servers carry it out as one command, with all of Redis's own guarantees.
- **fan-out**: split by slot; the fragments are carried out apart, the replies made one.
- **emulated**: carried out by the proxy in steps, with the guarantee that stands beside.
- **local**: answered by the proxy.
- **refused**: answered with an error that gives the reason.

The columns hold for a tenant that has its servers to itself and \`crossSlot\` \`emulate\`; with
\`refuse\`, what is told of keys in several slots is CROSSSLOT. The last column says what differs
for a tenant that shares its servers, by a key prefix or by a database of its own (which only a
standalone backend has).
`;

/** The whole page. */
export function commandReference(): string {
  const sections = families.map((family, index) => {
    const rows = commands.filter((one) => one.family === index && one.subcommands === null);
    const lines = rows.map((facts) => `| ${cells(facts).join(' | ')} |`);
    if (lines.length === 0) return '';
    const title = `## ${family}\n\n| command | standalone | cluster | shared servers |\n|---|---|---|---|`;
    return `\n${title}\n${lines.join('\n')}\n`;
  });
  return `${head}${sections.join('')}${grants()}`;
}

function cells(facts: CommandFacts): string[] {
  const own = {
    standalone: cell(facts, 'standalone', 'dedicated'),
    cluster: cell(facts, 'cluster', 'dedicated'),
  };
  const prefixed = {
    standalone: cell(facts, 'standalone', 'prefix'),
    cluster: cell(facts, 'cluster', 'prefix'),
  };
  const numbered = cell(facts, 'standalone', 'db');
  const differs: string[] = [];
  for (const backend of ['standalone', 'cluster'] as const) {
    if (prefixed[backend] !== own[backend])
      differs.push(`prefix, ${backend}: ${prefixed[backend]}`);
  }
  if (differs.length === 2 && prefixed.standalone === prefixed.cluster) {
    differs.splice(0, 2, `prefix: ${prefixed.standalone}`);
  }
  if (numbered !== own.standalone) differs.push(`database: ${numbered}`);
  const cluster = own.cluster === own.standalone ? 'the same' : own.cluster;
  return [`\`${shownName(facts)}\``, own.standalone, cluster, differs.join('; ')];
}

/** As a client types it. */
function shownName({ name }: CommandFacts): string {
  return name.replace('|', ' ').toUpperCase();
}

function cell(facts: CommandFacts, backend: Backend, isolation: Mode): string {
  const contract: Contract = contractOf(facts, usual(backend, isolation));
  const { acrossSlots } = contract;
  const share = shareText(contract);
  return acrossSlots === null ? share : `${share}; across slots ${shareText(acrossSlots)}`;
}

function shareText({ how, note }: Share): string {
  return note === '' ? how : `${how} (${note.replace(/^is refused( here)?: /, '')})`;
}

function grants(): string {
  const names = commands.filter((one) => one.subcommands === null && goesAsItIs(one));
  return `
## The pass-through grant

A user with \`passThrough\`, in a tenant with a standalone backend to itself, has these sent to the
server as they are, over the connection all sessions of the tenant share:
${names.map((one) => `\`${shownName(one)}\``).join(', ')}.

A \`SHUTDOWN\` that succeeds closes that connection and is answered as an unknown outcome.
\`DEBUG PROTOCOL\` stays refused, and so does what would make the connection something else
(\`SYNC\`, \`PSYNC\`, \`REPLCONF\`).
`;
}
