/** INFO and SLOWLOG: what a tenant may see of the proxy and of itself. */
import type { Command } from '../command/request.ts';
import { infoText, type KeyspaceSample, sectionsOf } from '../observe/info.ts';
import { answerSlowLog, type SlowEntry } from '../observe/slow-log.ts';
import { encodeError, encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { prose } from '../resp/values.ts';
import type { Answer } from './answer.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';

/** The server is asked only where its keys are wanted, and where one question counts them. */
export function answerInfo(session: Session, command: Command, services: AnswerServices): Answer {
  const asked: string[] = [];
  for (let i = 1; i < command.argc; i++) asked.push(command.text(i));
  const sections = sectionsOf(asked);
  const facts = services.infoFacts(session);
  const text = (keyspace: readonly KeyspaceSample[]): Buffer =>
    encodeReply(prose(infoText(sections, { ...facts, keyspace })), session.protocol);
  if (!sections.has('keyspace')) return { kind: 'reply', reply: text([]) };
  return { kind: 'later', reply: services.keyspace(session).then(text) };
}

export function answerSlowLogCommand(
  session: Session,
  command: Command,
  services: AnswerServices,
): Buffer {
  const args: Buffer[] = [];
  for (let i = 1; i < command.argc; i++) args.push(command.argument(i));
  const tenant = session.user!.tenant.id;
  const result = answerSlowLog(services.observe.slowLog, tenant, args);
  if (result.kind === 'error') {
    const [prefix = 'ERR', ...words] = result.message.split(' ');
    return encodeError(prefix, words.join(' '));
  }
  return encodeReply(slowLogReply(result), session.protocol);
}

type SlowLogResult = Exclude<ReturnType<typeof answerSlowLog>, { kind: 'error' }>;

function slowLogReply(result: SlowLogResult): Resp {
  switch (result.kind) {
    case 'ok':
      return { type: 'simple', text: 'OK' };
    case 'length':
      return { type: 'integer', value: result.length };
    case 'help':
      return { type: 'array', items: result.lines.map((text) => ({ type: 'simple', text })) };
    case 'entries':
      return { type: 'array', items: result.entries.map(entryReply) };
    default:
      return result satisfies never;
  }
}

/** Source: Redis SLOWLOG GET: id, time, duration, arguments, client address, client name. */
function entryReply(entry: SlowEntry): Resp {
  const bulk = (bytes: Buffer): Resp => ({ type: 'bulk', bytes });
  return {
    type: 'array',
    items: [
      { type: 'integer', value: entry.id },
      { type: 'integer', value: entry.at },
      { type: 'integer', value: Math.round(entry.durationUs) },
      { type: 'array', items: entry.args.map(bulk) },
      bulk(Buffer.from(entry.clientAddress)),
      bulk(Buffer.from(entry.clientName)),
    ],
  };
}
