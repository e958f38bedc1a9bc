/** A Kafka backend that serves; loads the client library, so import it late. */
import type { KafkaBackend as KafkaSpec } from '@respool/contracts/entities';
import { type GatewayServices, openGateway } from '@respool/kafka/platformatic/open';
import { KafkaBackend, type KafkaLimits } from './kafka.ts';

export interface KafkaServices extends GatewayServices {
  readonly limits: KafkaLimits;
}

/** `topics`: Kafka's names of those in use. Throws as {@link openGateway} does. */
export function openKafka(
  spec: KafkaSpec,
  password: string | null,
  topics: readonly string[],
  { limits, ...services }: KafkaServices,
): KafkaBackend {
  const gateway = openGateway(spec, password, services);
  return new KafkaBackend(spec.id, { gateway, clock: services.clock, limits, topics });
}
