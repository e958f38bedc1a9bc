/** Commands that need more of a session than one reply, each with the room that has it. */
import type { Carried } from '@respool/contracts/commands/treatment';
import { carryMonitor } from './monitor.ts';
import type { Carrier } from './scene.ts';
import { carryScript } from './script.ts';
import { carryScriptAdmin } from './script-admin.ts';
import { carryTransaction } from './transaction.ts';

export const carriers: Readonly<Record<Carried, Carrier>> = {
  monitor: carryMonitor,
  script: carryScript,
  'script-admin': carryScriptAdmin,
  transaction: carryTransaction,
};
