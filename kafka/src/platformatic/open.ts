/** A Kafka backend as operators configure it → the gateway to it; for both planes. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaBackend, Sasl } from '@respool/contracts/entities';
import type { DialOptions, KafkaLogin } from './dial.ts';
import { defaultLimits, PlatformaticGateway } from './platformatic.ts';

export interface GatewayServices extends Omit<DialOptions, 'tls' | 'login'> {
  readonly clock: Clock;
  /** 0 up to 1, as Math.random. */
  readonly random: () => number;
}

const mechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const satisfies Record<NonNullable<Sasl>, KafkaLogin['mechanism']>;

/**
 * `password` in clear: it goes nowhere but to the brokers. Dials nobody yet. Throws where a login
 * is asked for without its name or password.
 */
export function openGateway(
  spec: KafkaBackend,
  password: string | null,
  services: GatewayServices,
): PlatformaticGateway {
  const { clock, random, ...dial } = services;
  return new PlatformaticGateway({
    bootstrap: spec.bootstrap,
    dial: { ...dial, tls: tlsOf(spec), login: loginOf(spec, password) },
    ...{ clock, random, limits: defaultLimits },
  });
}

function tlsOf({ tls }: KafkaBackend) {
  return tls === null ? null : { ...tls, clientCertificate: null };
}

function loginOf({ sasl, username }: KafkaBackend, password: string | null): KafkaLogin | null {
  if (sasl === null) return null;
  if (username === null || password === null) {
    throw new Error(`${sasl} needs a user name and a password`);
  }
  return { mechanism: mechanisms[sasl], username, password };
}
