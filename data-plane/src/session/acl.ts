/** ACL: what a user may know of itself; users are made and changed through the control plane. */
import { randomBytes } from 'node:crypto';
import { isOfRedis } from '../command/catalog.ts';
import { Category, commands } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeBulk, encodeError, encodeNull, encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, map } from '../resp/values.ts';
import type { UserView } from '../state.ts';
import type { Session } from './session.ts';

/** How a user is called towards clients: `tenant.user`, as it logs in. */
export function fullName(user: UserView): string {
  return `${user.tenant.id}.${user.name}`;
}

/** Whether `name` means this user: in full, or by its name inside the tenant. */
export function isNamed(user: UserView, name: string): boolean {
  return name === user.name || name === fullName(user);
}

export function answerAcl(session: Session, command: Command): Buffer {
  const { protocol } = session;
  const user = session.user as UserView;
  const name = command.facts!.name;
  switch (name) {
    case 'acl|whoami':
      return encodeBulk(fullName(user));
    case 'acl|users':
      return encodeReply(array([bulk(fullName(user))]), protocol);
    case 'acl|list':
      return encodeReply(array([bulk(ruleLine(user))]), protocol);
    case 'acl|getuser':
      if (!isNamed(user, command.text(2))) {
        return encodeNull(protocol);
      }
      return encodeReply(described(user), protocol);
    case 'acl|cat':
      return category(command, protocol);
    case 'acl|genpass':
      return password(command);
    default:
      return encodeError('ERR', `'${name}' is not served by this proxy`);
  }
}

function commandRules(user: UserView): string {
  return user.readOnly ? '+@all -@write' : '+@all';
}

/** Never the secret, nor anything made from it. Source: ACL LIST of Redis 7.0. */
function ruleLine(user: UserView): string {
  const open = user.verifier.scheme === 'none' ? ' nopass' : '';
  const state = user.enabled ? 'on' : 'off';
  return `user ${fullName(user)} ${state}${open} ~* &* ${commandRules(user)}`;
}

function described(user: UserView): Resp {
  const flags = [user.enabled ? 'on' : 'off'];
  if (user.verifier.scheme === 'none') flags.push('nopass');
  return map([
    ['flags', { type: 'set', items: flags.map((flag) => bulk(flag)) }],
    ['passwords', array([])],
    ['commands', bulk(commandRules(user))],
    ['keys', bulk('~*')],
    ['channels', bulk('&*')],
    ['selectors', array([])],
  ]);
}

/** Commands of Redis alone: those of this proxy have no place in anybody's ACL. */
function category(command: Command, protocol: 2 | 3): Buffer {
  if (command.argc > 3) return tooMany('CAT');
  if (command.argc === 2) {
    const names = Object.keys(Category);
    return encodeReply(array(names.map((one) => bulk(one))), protocol);
  }
  const asked = command.text(2);
  const bit = Object.entries(Category).find(([name]) => name === asked.toLowerCase())?.[1];
  if (bit === undefined) {
    return encodeError('ERR', `Unknown category '${asked.slice(0, 128)}'`);
  }
  const members = commands.filter((one) => (one.categories & bit) !== 0 && isOfRedis(one.name));
  return encodeReply(array(members.map((one) => bulk(one.name))), protocol);
}

const bitsMax = 4096;

/** `ACL GENPASS [bits]`: so many random bits in hexadecimal, rounded up to whole digits. */
function password(command: Command): Buffer {
  if (command.argc > 3) return tooMany('GENPASS');
  const text = command.argc > 2 ? command.text(2) : '256';
  const bits = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  if (bits === 0 || bits > bitsMax) {
    const message =
      'ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096';
    return encodeError('ERR', message);
  }
  const digits = Math.ceil(bits / 4);
  return encodeBulk(randomBytes(digits).toString('hex').slice(0, digits));
}

function tooMany(verb: string): Buffer {
  const message = `unknown subcommand or wrong number of arguments for '${verb}'. Try ACL HELP.`;
  return encodeError('ERR', message);
}
