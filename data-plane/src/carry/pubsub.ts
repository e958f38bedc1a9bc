/** PUBSUB: which of the tenant's channels have subscribers, and how many, all proxies together. */
import { type Backing, CommandError, Purse } from '../command/backing.ts';
import { type ChannelKind, publishedAs, sourcesOf } from '../command/channels.ts';
import type { CommandFacts } from '../command/command.ts';
import { patternMatches } from '../command/pattern.ts';
import type { Command } from '../command/request.ts';
import { encodeReply } from '../resp/encoder.ts';
import { itemsOf, type Resp } from '../resp/resp.ts';
import { noRoute } from '../route/route.ts';
import { type ChannelHome, channelHomeOf } from './channel-home.ts';
import { errorReply, refuse, replyLater } from './reply.ts';
import type { Scene } from './scene.ts';

interface Question {
  readonly home: ChannelHome;
  readonly backing: Backing;
  readonly args: readonly Buffer[];
}

type Answering = (question: Question) => Promise<Resp>;

const answers: Readonly<Record<string, Answering>> = {
  'pubsub|channels': (question) => channels(question, 'channel'),
  'pubsub|shardchannels': (question) => channels(question, 'shard'),
  'pubsub|numsub': (question) => counts(question, 'channel'),
  'pubsub|shardnumsub': (question) => counts(question, 'shard'),
  'pubsub|numpat': patterns,
};

export function carryPubsub(scene: Scene, command: Command): boolean {
  const made = pubsubReply(scene, command);
  if (made === null) refuse(scene, command, noRoute);
  else replyLater(scene, command, made);
  return true;
}

/** The reply once the servers were asked; null where no route leads to any. */
export function pubsubReply({ session, proxy }: Scene, command: Command): Promise<Buffer> | null {
  const { name } = command.facts as CommandFacts;
  const answering = answers[name];
  if (answering === undefined) throw new Error('invariant: every form of PUBSUB has its answer');
  const home = channelHomeOf(session);
  if (home === null || session.route === null) return null;
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const backing = session.route.backend.backing(2, 0, null, purse);
  const args = command.copies(2);
  const made = answering({ home, backing, args }).then(
    (value) => encodeReply(value, session.protocol),
    (error: unknown) => {
      if (error instanceof CommandError) return errorReply(error.message);
      throw error;
    },
  );
  return made.finally(() => purse.empty());
}

/**
 * Names at the server: those of all proxies, for all of them listen at one node, or at the slots'
 * owners. Event channels carry no tenant's marker there: of them only this proxy's are known.
 */
async function channels({ home, backing, args }: Question, kind: ChannelKind): Promise<Resp> {
  const { hub, space } = home;
  const [pattern = Buffer.from('*')] = args;
  const word = kind === 'shard' ? 'SHARDCHANNELS' : 'CHANNELS';
  const nodes = kind === 'shard' ? backing.nodes() : backing.nodes().slice(0, 1);
  const wanted = publishedAs(space, pattern);
  const found = new Map<string, Buffer>();
  for (const node of nodes) {
    const said = await backing.askNode(node, ['PUBSUB', word, wanted]);
    if (said.type === 'error') throw new CommandError(said.text);
    for (const one of itemsOf(said) ?? []) {
      if (one.type !== 'bulk') continue;
      const name = one.bytes.subarray(space.marker.length);
      found.set(name.toString('latin1'), name);
    }
  }
  for (const name of hub.names(space, kind)) {
    if (patternMatches(pattern, name)) found.set(name.toString('latin1'), name);
  }
  return { type: 'array', items: [...found.values()].map((bytes) => ({ type: 'bulk', bytes })) };
}

async function counts({ home, backing, args }: Question, kind: 'channel' | 'shard'): Promise<Resp> {
  const { hub, space } = home;
  // The last source is the event where the name means one, else the only one.
  const names = args.map((channel) => {
    const sources = sourcesOf(space, kind, channel, backing.kind === 'cluster');
    return sources.at(-1)?.name ?? channel;
  });
  const byNode = Map.groupBy(names.keys(), (at) => hub.nodeOf(kind, names[at] as Buffer));
  const values = new Array<number>(names.length).fill(0);
  const word = kind === 'shard' ? 'SHARDNUMSUB' : 'NUMSUB';
  for (const [node, places] of byNode) {
    const asked = places.map((at) => names[at] as Buffer);
    const said = await backing.askNode(node, ['PUBSUB', word, ...asked]);
    if (said.type === 'error') throw new CommandError(said.text);
    for (const [index, at] of places.entries()) {
      const number = itemsOf(said)?.[index * 2 + 1];
      const counted = number?.type === 'integer' ? Number(number.value) : 0;
      const { connections, clients } = hub.audience(kind, names[at] as Buffer, false);
      values[at] = Math.max(0, counted - connections) + clients;
    }
  }
  const items = args.flatMap((channel, at): Resp[] => [
    { type: 'bulk', bytes: channel },
    { type: 'integer', value: values[at] as number },
  ]);
  return { type: 'array', items };
}

/** The server knows no tenants' patterns from others': of a shared one this proxy's are counted. */
async function patterns({ home, backing }: Question): Promise<Resp> {
  const { hub, space } = home;
  const own = hub.names(space, 'pattern').length;
  if (space.database !== null) return { type: 'integer', value: own };
  const said = await backing.askNode(backing.nodes()[0] as string, ['PUBSUB', 'NUMPAT']);
  if (said.type === 'error') throw new CommandError(said.text);
  return said;
}
