/** Commands that a proxy answers itself, for it is the server to its clients. */

const atThisProxy = "the tenant's clients at this proxy";
const virtualNode = 'one virtual node that owns every slot, at the address the client connected to';
const harmless = 'accepted: the one virtual node answers for every slot';
const byFamily = "the tenant's commands as this proxy saw them, by family";
const noEvents = 'a proxy records no latency events';
const ownUser = 'the own user only';

/**
 * By full name, or by the container's for all of its subcommands; each with what it is an answer
 * of, where that is not plain, else empty.
 */
export const localNotes: Readonly<Record<string, string>> = {
  auth: '',
  hello: '',
  ping: '',
  echo: '',
  select: "a tenant's one database is 0, where it may not choose",
  quit: '',
  reset: '',
  use: "the session's backend, by its name",
  info: "the proxy, and the tenant's own figures at it",
  command: 'every command of Redis, served or not',
  slowlog: "the tenant's commands at this proxy, waiting included",
  role: 'a primary without replicas',
  lolwut: '',
  'module|list': 'none',
  acl: '',
  'acl|users': ownUser,
  'acl|list': ownUser,
  'acl|getuser': ownUser,
  'acl|whoami': 'tenant and user',
  config: 'what is true of the proxy; a setting of the servers is not listed',
  client: '',
  'client|list': atThisProxy,
  'client|kill': atThisProxy,
  'client|no-evict': 'kept: a proxy ends no client to win memory',
  'client|no-touch': 'OFF always holds; ON is refused, for others read over the same connection',
  latency: noEvents,
  'latency|histogram': byFamily,
  cluster: virtualNode,
  'cluster|countkeysinslot': "asked of the slot's owner; needs a cluster and no key prefix",
  'cluster|getkeysinslot': "asked of the slot's owner; needs a cluster and no key prefix",
  readonly: harmless,
  readwrite: harmless,
  asking: harmless,
};
