/** A contract as the fields of a reply. */
import type { Contract, Share } from '@respool/contracts/commands/contract';
import type { Resp } from '../resp/resp.ts';
import { bulk, map } from '../resp/values.ts';

/** The contract as fields of a map; `across-slots` only where there is such a case. */
export function contractFields(contract: Contract): [string, Resp][] {
  const { acrossSlots } = contract;
  const fields: [string, Resp][] = [['name', bulk(contract.name)], ...shareFields(contract)];
  if (acrossSlots !== null) fields.push(['across-slots', map(shareFields(acrossSlots))]);
  return fields;
}

function shareFields({ how, note }: Share): [string, Resp][] {
  return [
    ['how', bulk(how)],
    ['note', bulk(note)],
  ];
}
