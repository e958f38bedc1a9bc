/** SCRIPT and FUNCTION: what every primary must have, or one of them can tell. */
import type { ScriptAdmin, ToldByOne } from '@respool/contracts/commands/script-admin';
import { type Backing, CommandError, Purse } from '../command/backing.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { UpstreamConnection } from '../command/upstream.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { noRoute } from '../route/route.ts';
import { digestOf } from '../script/scripts.ts';
import { isAlone, refuse, replyLater } from './reply.ts';
import type { Scene } from './scene.ts';
import { errorOf } from './work.ts';

type Steps = (scene: Scene, args: readonly Buffer[], backing: Backing) => Promise<Resp>;

/** What is not here is told by one node, in its own words. */
const steps: Readonly<Record<Exclude<ScriptAdmin, ToldByOne>, Steps>> = {
  'script|load': load,
  'script|exists': exists,
  'script|flush': flush,
  'script|kill': kill,
  'function|kill': kill,
  'function|load': everywhere,
  'function|delete': everywhere,
  'function|flush': everywhere,
  'function|restore': everywhere,
};

export function carryScriptAdmin(scene: Scene, command: Command): boolean {
  const { route, way } = scene.session;
  const facts = command.facts as CommandFacts;
  const { name } = facts;
  if (route === null || way.upstream === null) {
    refuse(scene, command, noRoute);
    return true;
  }
  const work = (steps as Readonly<Record<string, Steps>>)[name];
  if (work === undefined) {
    const to = way.upstream.single ?? (way.upstream.slots![0] as UpstreamConnection);
    const { bytes, start, end } = command;
    to.send(scene.client.queue, facts.family, way.meter, bytes, start, end, 1);
    return true;
  }
  if (!isAlone(scene)) return false;
  const args = command.copies(0);
  replyLater(scene, command, take(scene, args, work));
  return true;
}

async function take(scene: Scene, args: readonly Buffer[], work: Steps): Promise<Buffer> {
  const { proxy, session } = scene;
  const { route, way, protocol } = session;
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const backing = route!.backend.backing(2, way.upstream!.database, way.prefix, purse);
  try {
    return encodeReply(await work(scene, args, backing), protocol);
  } catch (error) {
    return errorOf(error);
  } finally {
    purse.empty();
  }
}

/** The digest is that of the script as it came, whatever the servers know it by. */
async function load(scene: Scene, args: readonly Buffer[], backing: Backing): Promise<Resp> {
  const { user, way, route } = scene.session;
  const body = args[2] as Buffer;
  const { scripts } = route!.backend;
  const kept = way.shared ? scripts.keepGuarded(user!.tenant.id, body, way.prefix) : null;
  const reply = await everywhere(scene, ['SCRIPT', 'LOAD', kept?.body ?? body], backing);
  if (reply.type === 'error') {
    scripts.drop(kept?.digest ?? digestOf(body));
    return reply;
  }
  const own = kept?.own ?? scripts.keep(body);
  return { type: 'bulk', bytes: Buffer.from(own) };
}

/** A script is there when every primary has it, or this proxy, which would give it again. */
async function exists(scene: Scene, args: readonly Buffer[], backing: Backing): Promise<Resp> {
  const { user, way, route } = scene.session;
  const { scripts } = route!.backend;
  const asked = args.slice(2).map((digest) => digest.toString('latin1').toLowerCase());
  const known = way.shared
    ? asked.map((digest) => scripts.guarded(user!.tenant.id, digest) ?? 'unknown')
    : asked;
  const replies = await Promise.all(
    backing.nodes().map((node) => backing.askNode(node, ['SCRIPT', 'EXISTS', ...known])),
  );
  const failed = replies.find((one) => one.type === 'error');
  if (failed !== undefined) return failed;
  const there = (place: number): boolean =>
    replies.every((one) => {
      const item = one.type === 'array' ? one.items[place] : undefined;
      return item?.type === 'integer' && item.value === 1;
    });
  const items = known.map((digest, place): Resp => {
    return { type: 'integer', value: scripts.body(digest) !== null || there(place) ? 1 : 0 };
  });
  return { type: 'array', items };
}

async function flush(scene: Scene, args: readonly Buffer[], backing: Backing): Promise<Resp> {
  const reply = await everywhere(scene, args, backing);
  if (reply.type !== 'error') scene.session.route!.backend.scripts.forget();
  return reply;
}

/**
 * Ends the script that keeps a primary busy, wherever there is one. Source: Redis command tips,
 * `all_shards` and `one_succeeded`: the error comes only where none had any to end.
 */
async function kill(_scene: Scene, args: readonly Buffer[], backing: Backing): Promise<Resp> {
  const replies = await Promise.all(backing.nodes().map((node) => backing.askUrgently(node, args)));
  return replies.find((one) => one.type !== 'error') ?? (replies[0] as Resp);
}

/**
 * The same to every primary, which pass it on to their replicas. Done by some only, the reply says
 * by how many. Source: Redis command tips, `all_shards` and `all_succeeded`.
 */
async function everywhere(
  _scene: Scene,
  args: readonly (Buffer | string)[],
  backing: Backing,
): Promise<Resp> {
  const replies = await Promise.all(
    backing.nodes().map((node) =>
      backing.askNode(node, args).catch((error: unknown): Resp => {
        if (!(error instanceof CommandError)) throw error;
        return { type: 'error', text: error.message, bulk: false };
      }),
    ),
  );
  const failed = replies.filter((one) => one.type === 'error');
  const [first] = failed;
  if (first === undefined) return replies[0] as Resp;
  if (failed.length === replies.length) return first;
  const done = replies.length - failed.length;
  const all = replies.length;
  const half = `failed on ${failed.length} of ${all} shards, was done on ${done}`;
  const text = `ERR ${half}: ${first.text}`;
  return { type: 'error', text, bulk: false };
}
