/** MULTI, EXEC, DISCARD, WATCH and UNWATCH: what a session begins, and how it ends. */
import type { Command } from '../command/request.ts';
import { encodeError, encodeSimple } from '../resp/encoder.ts';
import { endTransaction, placeOf, transactionOf } from './begun.ts';
import { carryExec } from './exec.ts';
import { refuse, reply } from './reply.ts';
import type { Carrier, Scene } from './scene.ts';
import { carryWatch } from './watch.ts';

const ok = encodeSimple('OK');

const carriers: Readonly<Record<string, Carrier>> = {
  multi(scene, command) {
    const { session } = scene;
    if (session.transaction?.open) {
      refuse(scene, command, encodeError('ERR', 'MULTI calls can not be nested'));
      return true;
    }
    const transaction = transactionOf(scene);
    transaction.begin(placeOf(session));
    session.divert('transaction');
    reply(scene, command, ok);
    return true;
  },
  exec(scene, command) {
    const { transaction } = scene.session;
    if (!transaction?.open) return refuseOutside(scene, command);
    return carryExec(scene, command, transaction);
  },
  discard(scene, command) {
    const { transaction } = scene.session;
    if (!transaction?.open) return refuseOutside(scene, command);
    endTransaction(scene.session);
    reply(scene, command, ok);
    return true;
  },
  watch(scene, command) {
    if (scene.session.transaction?.open) {
      refuse(scene, command, encodeError('ERR', 'WATCH inside MULTI is not allowed'));
      return true;
    }
    return carryWatch(scene, command, transactionOf(scene));
  },
  unwatch(scene, command) {
    endTransaction(scene.session);
    reply(scene, command, ok);
    return true;
  },
};

/** Errors as Redis 7.0 words them. */
export function carryTransaction(scene: Scene, command: Command): boolean {
  const carrier = carriers[command.facts?.name ?? ''];
  if (carrier === undefined) throw new Error('invariant: every such command has a carrier');
  return carrier(scene, command);
}

function refuseOutside(scene: Scene, command: Command): boolean {
  const name = (command.facts?.name ?? '').toUpperCase();
  refuse(scene, command, encodeError('ERR', `${name} without MULTI`));
  return true;
}
