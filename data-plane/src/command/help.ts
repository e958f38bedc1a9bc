/** `<container> HELP`: the subcommands that are served, in the words of COMMAND DOCS. */
import { ownSummaries } from '@respool/contracts/commands/own-commands';
import { treatmentOf } from '@respool/contracts/commands/treatment';
import { encodeReply, type Protocol } from '../resp/encoder.ts';
import { array, simple } from '../resp/values.ts';
import { summaryOf } from './catalog.ts';
import { commandNamed } from './command.ts';

/** `container` in lower case. Lines as Redis writes them: a name, then its meaning, indented. */
export function helpReply(container: string, protocol: Protocol): Buffer {
  const upper = container.toUpperCase();
  const lines = [`${upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const [name, facts] of commandNamed(container)?.subcommands ?? []) {
    if (name === 'help' || treatmentOf(facts).kind === 'refused') continue;
    lines.push(name.toUpperCase());
    const summary = summaryOf(facts.name) ?? ownSummaries[facts.name];
    if (summary !== undefined) lines.push(`    ${summary}.`);
  }
  lines.push('HELP', '    Print this help.');
  return encodeReply(array(lines.map(simple)), protocol);
}
