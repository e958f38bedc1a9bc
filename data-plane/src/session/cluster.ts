/** CLUSTER: one virtual node that owns every slot, at the address the client itself connected to. */
import { createHash } from 'node:crypto';
import type { Command } from '../command/request.ts';
import { encodeBulk, encodeError, encodeInteger, encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, map, number, prose } from '../resp/values.ts';
import type { Answer } from './answer.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';

/** Where cluster-mode clients are told to connect. */
export interface Announced {
  readonly host: string;
  readonly port: number;
}

const lastSlot = 16_383;

/**
 * StackExchange.Redis takes any answer to CLUSTER NODES for a cluster and then refuses commands
 * whose keys lie in several slots by itself, and databases beside 0. It asks every server, so it is
 * told what a standalone one says. Source: its `ClusterNodesProcessor`.
 */
const knowsNoOneNodeCluster = new Set(['SE.Redis']);
const disabled = encodeError('ERR', 'This instance has cluster support disabled');

export function answerCluster(
  session: Session,
  command: Command,
  services: AnswerServices,
): Answer {
  if (knowsNoOneNodeCluster.has(session.libraryName)) return { kind: 'reply', reply: disabled };
  const name = command.facts!.name;
  if (name === 'cluster|countkeysinslot' || name === 'cluster|getkeysinslot') {
    return keysInSlot(session, command, services);
  }
  const at = services.announced(session);
  return { kind: 'reply', reply: answerAt(name, at, session, command, services) };
}

function answerAt(
  name: string,
  at: Announced,
  session: Session,
  command: Command,
  services: AnswerServices,
): Buffer {
  const { protocol } = session;
  switch (name) {
    case 'cluster|info':
      return encodeReply(prose(info), protocol);
    case 'cluster|myid':
      return encodeBulk(nodeId(at));
    case 'cluster|nodes':
      return encodeReply(prose(nodeLine(at)), protocol);
    case 'cluster|slots':
      return encodeReply(slots(at), protocol);
    case 'cluster|shards':
      return encodeReply(shards(at), protocol);
    case 'cluster|links':
      return encodeReply(array([]), protocol);
    case 'cluster|keyslot':
      return encodeInteger(services.slotOf(command.argument(2)));
    case 'cluster|replicas':
    case 'cluster|slaves':
      return aboutNode(at, command, encodeReply(array([]), protocol));
    case 'cluster|count-failure-reports':
      return aboutNode(at, command, encodeInteger(0));
    default:
      return encodeError('ERR', `'${name}' is not served by this proxy`);
  }
}

/**
 * 40 hex digits that stay as long as the address does: proxies behind one announced address are one
 * node to their clients, whichever of them answers.
 */
export function nodeId({ host, port }: Announced): string {
  return createHash('sha1').update(`respool ${host} ${port}`).digest('hex');
}

/** The bus port Redis would have; nobody listens there. */
function busPort(port: number): number {
  return port + 10_000 > 65_535 ? 0 : port + 10_000;
}

function nodeLine(at: Announced): string {
  const address = `${at.host}:${at.port}@${busPort(at.port)}`;
  return `${nodeId(at)} ${address} myself,master - 0 0 1 connected 0-${lastSlot}\n`;
}

function slots(at: Announced): Resp {
  const node = [bulk(at.host), number(at.port), bulk(nodeId(at)), map([])];
  return array([array([number(0), number(lastSlot), array(node)])]);
}

function shards(at: Announced): Resp {
  const node = map([
    ['id', bulk(nodeId(at))],
    ['port', number(at.port)],
    ['ip', bulk(at.host)],
    ['endpoint', bulk(at.host)],
    ['role', bulk('master')],
    ['replication-offset', number(0)],
    ['health', bulk('online')],
  ]);
  const shard = map([
    ['slots', array([number(0), number(lastSlot)])],
    ['nodes', array([node])],
  ]);
  return array([shard]);
}

/** Source: the fields of CLUSTER INFO in Redis 7.0; lines end as those of INFO do. */
const info = [
  'cluster_state:ok',
  'cluster_slots_assigned:16384',
  'cluster_slots_ok:16384',
  'cluster_slots_pfail:0',
  'cluster_slots_fail:0',
  'cluster_known_nodes:1',
  'cluster_size:1',
  'cluster_current_epoch:1',
  'cluster_my_epoch:1',
  'cluster_stats_messages_sent:0',
  'cluster_stats_messages_received:0',
  'total_cluster_links_buffer_limit_exceeded:0',
]
  .map((line) => `${line}\r\n`)
  .join('');

function aboutNode(at: Announced, command: Command, answer: Buffer): Buffer {
  const asked = command.text(2);
  if (asked.toLowerCase() === nodeId(at)) return answer;
  return encodeError('ERR', `Unknown node ${asked.slice(0, 128)}`);
}

const notAlone =
  "needs a cluster of the tenant's own: elsewhere the keys of a slot are not kept together";

/** The backend's own slots are the client's where no prefix changes them. */
function keysInSlot(session: Session, command: Command, services: AnswerServices): Answer {
  const counts = command.facts!.name === 'cluster|countkeysinslot';
  const numbers = counts ? [command.text(2)] : [command.text(2), command.text(3)];
  const wrong = badNumbers(numbers);
  if (wrong !== null) return { kind: 'reply', reply: encodeError('ERR', wrong) };
  const { way } = session;
  if (way.prefix !== null || way.upstream?.slots == null) {
    const name = command.facts!.name.toUpperCase().replace('|', ' ');
    return { kind: 'reply', reply: encodeError('ERR', `${name} ${notAlone}`) };
  }
  const verb = counts ? 'COUNTKEYSINSLOT' : 'GETKEYSINSLOT';
  const asked = services.askSlot(session, Number(numbers[0]), ['CLUSTER', verb, ...numbers]);
  return { kind: 'later', reply: asked.then((value) => encodeReply(value, session.protocol)) };
}

/** Source: `clusterCommand` of Redis 7.0, which reads all numbers before it looks at any. */
function badNumbers(texts: readonly string[]): string | null {
  if (!texts.every((text) => /^(0|-?[1-9]\d{0,17})$/.test(text))) {
    return 'value is not an integer or out of range';
  }
  const [slot = -1, keysMax = 0] = texts.map(Number);
  if (slot >= 0 && slot <= lastSlot && keysMax >= 0) return null;
  return texts.length === 1 ? 'Invalid slot' : 'Invalid slot or number of keys';
}
