/** Commands that need more of a session than one reply, each with the room that has it. */
import type { Carried } from '@respool/contracts/commands/treatment';
import { carryBlocking } from './blocking.ts';
import { carryMonitor } from './monitor.ts';
import { carryProxyCommand } from './proxy-command.ts';
import { carryPublish } from './publish.ts';
import { carryPubsub } from './pubsub.ts';
import { carryQueue } from './queue.ts';
import type { Carrier } from './scene.ts';
import { carryScript } from './script.ts';
import { carryScriptAdmin } from './script-admin.ts';
import { carryReplyMode } from './silence.ts';
import { carrySubscription } from './subscribe.ts';
import { carryTracking } from './tracking.ts';
import { carryTransaction } from './transaction.ts';

export const carriers: Readonly<Record<Carried, Carrier>> = {
  blocking: carryBlocking,
  monitor: carryMonitor,
  proxy: carryProxyCommand,
  script: carryScript,
  'script-admin': carryScriptAdmin,
  transaction: carryTransaction,
  subscription: carrySubscription,
  publish: carryPublish,
  pubsub: carryPubsub,
  silence: carryReplyMode,
  tracking: carryTracking,
  queue: carryQueue,
};
