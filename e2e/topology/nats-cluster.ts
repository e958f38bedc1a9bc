/** Three nats-servers that replicate to one another: what production has under its log and its leases. */
import { connect } from '@nats-io/transport-node';
import { freePorts } from '../../scripts/test/port.ts';
import { type NatsServer, startNats } from './nats.ts';
import type { Stage } from './stage.ts';

export interface NatsCluster {
  readonly nodes: readonly NatsServer[];
  /** All of them, as both planes are told; what is done to it is done to the first. */
  readonly all: NatsServer;
}

export async function startNatsCluster(stage: Stage, proxies: number): Promise<NatsCluster> {
  const ports = await freePorts(3);
  const nodes = await Promise.all(
    ports.map((port, index) => {
      const others = ports.filter((other) => other !== port);
      return startNats(stage, { proxies, member: { name: `nats-${index}`, port, others } });
    }),
  );
  const [first] = nodes as [NatsServer];
  const url = nodes.map((node) => node.url).join(',');
  const monitorUrl = nodes.map((node) => node.monitorUrl).join(',');
  const { user, password: pass } = first.admin;
  const servers = nodes.map((node) => node.url);
  return {
    nodes,
    all: { ...first, url, monitorUrl, connect: () => connect({ servers, user, pass }) },
  };
}
