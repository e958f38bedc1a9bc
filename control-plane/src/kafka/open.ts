/** How the control plane reaches a real cluster. */
import { systemClock } from '@respool/contracts/clock';
import type { OpenGateway } from './gateways.ts';

const connectMsMax = 3_000;

/** `requestMsMax`: a broker that does not answer one request for so long is given up. */
export function gatewayOpener(requestMsMax: number): OpenGateway {
  return async (backend, password) => {
    // The client library is loaded with the first use: most control planes never meet Kafka.
    const { openGateway } = await import('@respool/kafka/platformatic/open');
    const dial = { clientId: 'respool-control-plane', connectMsMax, requestMsMax };
    return openGateway(backend, password, { ...dial, clock: systemClock, random: Math.random });
  };
}
