/** A Kafka backend as it is configured → one that serves; loads the client library, so import it late. */
import type { Clock } from '@respool/contracts/clock';
import type { Address, KafkaBackend as KafkaSpec, Sasl } from '@respool/contracts/entities';
import { KafkaBackend, type KafkaLimits } from './kafka.ts';
import type { KafkaLogin } from './platformatic/dial.ts';
import { defaultLimits, PlatformaticGateway } from './platformatic/platformatic.ts';

export interface KafkaServices {
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: KafkaLimits;
  /** Brokers write it into their logs. */
  readonly clientId: string;
  readonly connectMsMax: number;
  /** A broker that says nothing for so long is given up. */
  readonly requestMsMax: number;
}

const mechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const satisfies Record<NonNullable<Sasl>, KafkaLogin['mechanism']>;

/**
 * `password` in clear: it goes nowhere but to the brokers. `topics`: Kafka's names of those in use.
 * Throws where the specification asks for a login without its name or password.
 */
export function openKafka(
  spec: KafkaSpec,
  password: string | null,
  topics: readonly string[],
  services: KafkaServices,
): KafkaBackend {
  const { clock, random, limits, ...dial } = services;
  const gateway = new PlatformaticGateway({
    bootstrap: spec.bootstrap.map(({ host, port }: Address) => ({ host, port })),
    dial: { ...dial, tls: tlsOf(spec), login: loginOf(spec, password) },
    ...{ clock, random, limits: defaultLimits },
  });
  return new KafkaBackend(spec.id, { gateway, clock, limits, topics });
}

function tlsOf({ tls }: KafkaSpec) {
  if (tls === null) return null;
  const { authority, serverName, verify } = tls;
  return { authority, serverName, verify, clientCertificate: null };
}

function loginOf({ sasl, username }: KafkaSpec, password: string | null): KafkaLogin | null {
  if (sasl === null) return null;
  if (username === null || password === null) {
    throw new Error(`${sasl} needs a user name and a password`);
  }
  return { mechanism: mechanisms[sasl], username, password };
}
