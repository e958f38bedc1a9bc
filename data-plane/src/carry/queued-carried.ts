/** Inside a transaction: commands that need more of a session than one reply. */
import { isToldByOne } from '@respool/contracts/commands/script-admin';
import { type Carried, treatmentOf } from '@respool/contracts/commands/treatment';
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeBulk, encodeRequest, encodeSimple } from '../resp/encoder.ts';
import { crossSlot, noRoute } from '../route/route.ts';
import type { OwnCommand, QueuedCommand } from '../session/transaction.ts';
import { proxyReply } from './proxy-command.ts';
import { pubsubReply } from './pubsub.ts';
import {
  deniedAtExec,
  keep,
  mistaken,
  own,
  queuedLocal,
  said,
  sizeOf,
  unsent,
} from './queued-local.ts';
import { queuedPublish } from './queued-publish.ts';
import { queuedScript } from './queued-script.ts';
import type { Scene } from './scene.ts';
import { trackingSaid } from './tracking.ts';
import { wholeBytes } from './whole.ts';

/** A string says why the command is not served, bytes are the error that refuses it. */
type Queueing = (scene: Scene, command: Command) => QueuedCommand | Buffer | string;

const ok = encodeSimple('OK');

/** Who keeps the command; null where it is kept as it would be sent. */
export function keeperOf(facts: CommandFacts): Queueing | null {
  const treatment = treatmentOf(facts);
  if (treatment.kind === 'local') return queuedLocal;
  return treatment.kind === 'carried' ? keepers[treatment.by] : null;
}

const keepers: Readonly<Record<Carried, Queueing | null>> = {
  blocking: null,
  publish: queuedPublish,
  script: scriptCalled,
  'script-admin': scriptsManaged,
  pubsub: channelsAsked,
  proxy: ({ session }, command) => {
    const kept = keep(command);
    return own(command, () => said(proxyReply(session, kept())));
  },
  tracking: ({ session }, command) => {
    const { name } = command.facts as CommandFacts;
    if (name === 'client|tracking' || name === 'client|caching') {
      return 'which reads are remembered is settled before they are queued';
    }
    const kept = keep(command);
    return own(command, () => said(trackingSaid(session, kept())));
  },
  monitor: (_scene, command) => deniedAtExec(command) ?? 'it takes over the connection',
  subscription: (_scene, command) =>
    deniedAtExec(command) ?? 'what confirms it is no reply that EXEC could hold',
  silence: () => 'it is about the replies of the connection',
  queue: () => 'topics of Kafka take no part in one',
  transaction: () => 'it begins or ends one',
};

/** What is wrong with the call itself, Redis says when EXEC comes to it. */
function scriptCalled(scene: Scene, command: Command): QueuedCommand | Buffer {
  const { name } = command.facts as CommandFacts;
  const form = queuedScript(scene, command);
  if (form === crossSlot || form === noRoute) return form;
  if (Buffer.isBuffer(form)) return mistaken(command, form);
  const ro = name.endsWith('_ro');
  return { ...form, name, writes: !ro, reads: ro };
}

/** Every server is one server there; on a cluster each primary would have to be told. */
function scriptsManaged(scene: Scene, command: Command): QueuedCommand | Buffer | string {
  const { route, way, user } = scene.session;
  const { name, flags } = command.facts as CommandFacts;
  if (route === null || way.upstream === null) return noRoute;
  const writes = (flags & Flag.write) !== 0;
  const plain = { ...unsent(command), bytes: wholeBytes(command, null), writes, reads: false };
  if (isToldByOne(name)) return plain;
  if (way.upstream.single === null) return 'it is about every server';
  const { scripts } = route.backend;
  const answered = (reply: () => Buffer): OwnCommand => {
    return { heldBytes: 0, make: () => said(reply()) };
  };
  switch (name) {
    case 'script|load': {
      // The digest is that of the script as it came, whatever the server knows it by.
      const body = command.argument(2);
      const shared = way.shared ? scripts.keepGuarded(user!.tenant.id, body, way.prefix) : null;
      const bytes = encodeRequest(['SCRIPT', 'LOAD', shared?.body ?? body]);
      const digest = (): string => shared?.own ?? scripts.keep(body);
      return { ...plain, bytes, own: answered(() => encodeBulk(digest())) };
    }
    case 'script|exists': {
      if (!way.shared) return plain;
      const known = command.copies(2).map((digest) => {
        const own = digest.toString('latin1').toLowerCase();
        return scripts.guarded(user!.tenant.id, own) ?? 'unknown';
      });
      return { ...plain, bytes: encodeRequest(['SCRIPT', 'EXISTS', ...known]) };
    }
    case 'script|flush':
      return {
        ...plain,
        own: answered(() => {
          scripts.forget();
          return ok;
        }),
      };
    default:
      return plain;
  }
}

function channelsAsked(scene: Scene, command: Command): QueuedCommand | Buffer {
  if (scene.session.way.upstream === null) return noRoute;
  const kept = keep(command);
  const ahead = (): Promise<Buffer> => pubsubReply(scene, kept()) ?? Promise.resolve(noRoute);
  return { ...unsent(command), own: { heldBytes: sizeOf(command), ahead } };
}
