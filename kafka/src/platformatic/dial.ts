/** A connection to one broker: TLS, password, and a look at what the broker speaks. */
import { isIP } from 'node:net';
import { apiVersionsV3, Connection, type SASLOptions } from '@platformatic/kafka';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, connectionError } from './broker-answer.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface KafkaTls {
  /** PEM; null trusts the authorities Node trusts. */
  readonly authority: string | null;
  /** The name the certificate must bear instead of the broker's host; null for that one. */
  readonly serverName: string | null;
  /** False takes any certificate. */
  readonly verify: boolean;
  /** PEM; for brokers that ask clients for one. */
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | null;
}

export interface KafkaLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

export interface DialOptions {
  /** What brokers write into their logs. */
  readonly clientId: string;
  readonly tls: KafkaTls | null;
  readonly login: KafkaLogin | null;
  /** Connecting and logging in. */
  readonly connectMsMax: number;
  /** One request; a connection that does not answer for so long is given up. */
  readonly requestMsMax: number;
}

/** Number and version of each request we make. Kafka 3.1 has them all, and 4.4 still does. */
const needed = [
  { name: 'Produce', key: 0, version: 9 },
  { name: 'Fetch', key: 1, version: 13 },
  { name: 'ListOffsets', key: 2, version: 7 },
  { name: 'Metadata', key: 3, version: 12 },
  { name: 'OffsetCommit', key: 8, version: 8 },
  { name: 'OffsetFetch', key: 9, version: 8 },
  { name: 'FindCoordinator', key: 10, version: 4 },
  { name: 'CreateTopics', key: 19, version: 7 },
  { name: 'DeleteTopics', key: 20, version: 6 },
  { name: 'InitProducerId', key: 22, version: 4 },
  { name: 'DescribeConfigs', key: 32, version: 4 },
  { name: 'CreatePartitions', key: 37, version: 3 },
  { name: 'IncrementalAlterConfigs', key: 44, version: 1 },
] as const;

/** Ready to be asked. Rejects with a KafkaError that names the broker; nothing was sent then. */
export async function dial(at: BrokerAddress, options: DialOptions): Promise<Connection> {
  const { clientId, tls, login, connectMsMax, requestMsMax } = options;
  const connection = new Connection(clientId, {
    connectTimeout: connectMsMax,
    requestTimeout: requestMsMax,
    ...(tls === null ? {} : tlsOptions(at, tls)),
    ...(login === null ? {} : { sasl: login satisfies SASLOptions }),
  });
  // An error nobody listens to would end the process; calls that wait are told by the library.
  connection.on('error', () => {});
  try {
    await connection.connect(at.host, at.port);
    await refuseOldBroker(connection);
    return connection;
  } catch (thrown) {
    hangUp(connection);
    const error = connectionError(thrown);
    throw new KafkaError(error.code, `broker ${at.host}:${at.port}: ${error.message}`, {
      cause: thrown,
    });
  }
}

/** Ends it at once; calls under way fail. */
export function hangUp(connection: Connection): void {
  // There is no socket before the first attempt to connect.
  (connection.socket as typeof connection.socket | undefined)?.destroy();
}

function tlsOptions({ host }: BrokerAddress, tls: KafkaTls) {
  const { authority, serverName, verify, clientCertificate } = tls;
  // RFC 6066 section 3: no address as a server name.
  const name = serverName ?? (isIP(host) === 0 ? host : null);
  return {
    tls: {
      rejectUnauthorized: verify,
      ...(authority === null ? {} : { ca: authority }),
      ...(clientCertificate === null
        ? {}
        : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    },
    ...(name === null ? {} : { tlsServerName: name }),
  };
}

async function refuseOldBroker(connection: Connection): Promise<void> {
  const { apiKeys } = await answerOf(apiVersionsV3.api.async(connection, 'respool', '0.1'));
  for (const { name, key, version } of needed) {
    const spoken = apiKeys.find(({ apiKey }) => apiKey === key);
    const [min, max] = [spoken?.minVersion ?? -1, spoken?.maxVersion ?? -1];
    if (version >= min && version <= max) continue;
    const range = spoken === undefined ? 'does not know it' : `speaks ${min} to ${max}`;
    throw new KafkaError(
      'version-unsupported',
      `${name} version ${version} is needed (Kafka 3.1 or later), the broker ${range}`,
    );
  }
}
