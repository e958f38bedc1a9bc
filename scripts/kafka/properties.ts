/** server.properties of one node of a small Kafka cluster: broker and controller in one process. */

/** Ports on loopback. */
export interface NodePorts {
  /** Clients that come without TLS and password, and the other brokers. */
  readonly plain: number;
  readonly controller: number;
  /** Clients that come with TLS or a password, when the cluster has a secured listener. */
  readonly secured: number;
}

/** The secured listener: TLS, a password, or both. */
export interface KafkaSecurity {
  /** PEM file with the private key (PKCS #8) and the certificates, in this order. */
  readonly keyStoreFile?: string;
  readonly users?: Readonly<Record<string, string>>;
}

export interface NodeOptions {
  /** From 1. */
  readonly id: number;
  readonly folder: string;
  /** Ports of every node of the cluster, this one included, in the order of their ids. */
  readonly ports: readonly NodePorts[];
  readonly security: KafkaSecurity | null;
  /** Further settings in server.properties' words; they win. */
  readonly settings: Readonly<Record<string, string>>;
}

export const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const jaasPackage = 'org.apache.kafka.common.security';

/** The file's text; values are taken as they are, so they may hold no line break. */
export function serverProperties(options: NodeOptions): string {
  const { id, folder, ports, security, settings } = options;
  const mine = ports[id - 1];
  if (mine === undefined) throw new Error(`node ${id} has no ports`);
  const all = {
    ...nodeSettings(id, folder, ports),
    ...listenerSettings(mine, security),
    ...smallSettings(ports.length),
    ...securitySettings(security),
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  const broken = lines.find((line) => /[\r\n]/.test(line));
  if (broken !== undefined) throw new Error(`a line break in ${JSON.stringify(broken)}`);
  return `${lines.join('\n')}\n`;
}

function nodeSettings(id: number, folder: string, ports: readonly NodePorts[]) {
  const voters = ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAIN',
    'log.dirs': `${folder}/data`,
  };
}

function listenerSettings(mine: NodePorts, security: KafkaSecurity | null) {
  const secured = security === null ? [] : [`SECURED://127.0.0.1:${mine.secured}`];
  const forClients = [`PLAIN://127.0.0.1:${mine.plain}`, ...secured];
  const protocols = ['CONTROLLER:PLAINTEXT', 'PLAIN:PLAINTEXT'];
  if (security !== null) protocols.push(`SECURED:${protocolOf(security)}`);
  return {
    listeners: [...forClients, `CONTROLLER://127.0.0.1:${mine.controller}`].join(','),
    'advertised.listeners': forClients.join(','),
    'listener.security.protocol.map': protocols.join(','),
  };
}

function protocolOf({ keyStoreFile, users }: KafkaSecurity): string {
  const transport = keyStoreFile === undefined ? 'PLAINTEXT' : 'SSL';
  return users === undefined ? transport : `SASL_${transport}`;
}

/** Everything that is sized for production by default and only slows a small cluster down. */
function smallSettings(nodes: number) {
  const topics = ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'];
  const inner = topics.flatMap((topic) => [
    [`${topic}.replication.factor`, nodes],
    [`${topic}.num.partitions`, 4],
  ]);
  return {
    ...Object.fromEntries(inner),
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'default.replication.factor': nodes,
    'min.insync.replicas': nodes > 2 ? 2 : 1,
    'num.partitions': 1,
    // "There is no such topic" must be testable.
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    // A broker that was killed is missed, and may come back, only after so long.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.segment.bytes': 16_777_216,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
  };
}

function securitySettings(security: KafkaSecurity | null): Record<string, string> {
  if (security === null) return {};
  const { keyStoreFile, users } = security;
  const prefix = 'listener.name.secured.';
  const tls = {
    [`${prefix}ssl.keystore.type`]: 'PEM',
    [`${prefix}ssl.keystore.location`]: keyStoreFile ?? '',
  };
  const scram = `${jaasPackage}.scram.ScramLoginModule required;`;
  const plainUsers = Object.entries(users ?? {}).map(([name, word]) => `user_${name}="${word}"`);
  const plain = `${jaasPackage}.plain.PlainLoginModule required ${plainUsers.join(' ')};`;
  const sasl = {
    [`${prefix}sasl.enabled.mechanisms`]: mechanisms.join(','),
    [`${prefix}plain.sasl.jaas.config`]: plain,
    [`${prefix}scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}scram-sha-512.sasl.jaas.config`]: scram,
  };
  return { ...(keyStoreFile === undefined ? {} : tls), ...(users === undefined ? {} : sasl) };
}

/** Arguments of the storage tool that write SCRAM credentials into a node's first records. */
export function scramArguments(security: KafkaSecurity | null): string[] {
  const users = Object.entries(security?.users ?? {});
  return users.flatMap(([name, word]) =>
    mechanisms
      .filter((mechanism) => mechanism !== 'PLAIN')
      .flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${word}]`]),
  );
}
