/** Commands that are not served, each with the reason a client is told. */

/**
 * `reason` continues "command 'x' …". `grant`: a user with the pass-through grant, on a standalone
 * backend that is the tenant's own, has it sent to the server as it is.
 */
export interface Refusal {
  readonly reason: string;
  readonly grant: boolean;
}

const plain = 'is not served by this proxy';
const server = "is refused: it is about the server, which is its own operator's";
const saving = 'is refused: the servers behind this proxy are saved by their own operator';
const topology = 'is refused: who replicates whom is changed by the operator of the servers';
const link = 'is refused: it would turn a connection that others share into a replication link';
const users = 'is refused: users are changed through the control plane';
const cluster = 'is refused: the cluster that is shown here is one virtual node';
const settings = 'is refused: a proxy is configured by its operator, a tenant by the control plane';
const debugging = 'is refused: it would hold a connection that others share for a debugger';
const pausing = 'is refused: it would hold the clients of one proxy only';

/** The rest: nobody has said why, and nobody has built it. */
export const notServed = { kind: 'refused', reason: plain, grant: false } as const;

/** By full name; a container's name alone stands for all of its subcommands. */
export const refusals: Readonly<Record<string, Refusal>> = {
  ...granted(server, 'debug', 'module', 'shutdown', 'swapdb', 'pfdebug', 'pfselftest', 'lastsave'),
  ...granted(saving, 'save', 'bgsave', 'bgrewriteaof'),
  ...granted(topology, 'failover', 'replicaof', 'slaveof'),
  ...granted(settings, 'config|set', 'config|rewrite', 'config|resetstat'),
  ...granted(users, 'acl|setuser', 'acl|deluser', 'acl|load', 'acl|save', 'acl|log'),
  ...never(link, 'sync', 'psync', 'replconf'),
  ...never(
    cluster,
    ...'addslots addslotsrange bumpepoch delslots delslotsrange failover flushslots forget meet'
      .split(' ')
      .map(ofCluster),
    ...'replicate reset saveconfig set-config-epoch setslot'.split(' ').map(ofCluster),
  ),
  ...never(pausing, 'client|pause', 'client|unpause'),
  ...never(debugging, 'script|debug'),
  migrate: { reason: 'is refused: it would carry keys to another server', grant: true },
  'restore-asking': { reason: 'is refused: it belongs to cluster nodes', grant: false },
};

function ofCluster(name: string): string {
  return `cluster|${name}`;
}

function granted(reason: string, ...names: readonly string[]): Record<string, Refusal> {
  return Object.fromEntries(names.map((name) => [name, { reason, grant: true }]));
}

function never(reason: string, ...names: readonly string[]): Record<string, Refusal> {
  return Object.fromEntries(names.map((name) => [name, { reason, grant: false }]));
}
