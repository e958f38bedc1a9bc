/** Hears the acks of proxies on NATS. */
import type { NatsConnection } from '@nats-io/transport-node';
import { ack } from '@respool/contracts/follow';
import { ackSubject, ackSubjects } from '@respool/contracts/subjects';
import type { Proxies } from './proxies.ts';

const ackBytesMax = 16 * 1024;

/** Feeds `proxies` until the returned function is called; `refused` hears of what is no ack. */
export function listenToAcks(
  connection: NatsConnection,
  proxies: Proxies,
  refused: (subject: string) => void,
): () => void {
  proxies.listening();
  const subscription = connection.subscribe(ackSubjects, {
    callback: (error, message) => {
      if (error !== null) return;
      const heard = message.data.length <= ackBytesMax ? parseAck(message.data) : null;
      // The server lets each proxy publish under its own name only, so the subject is the proof of
      // it.
      if (heard === null || ackSubject(heard.proxyId) !== message.subject) refused(message.subject);
      else proxies.observe(heard);
    },
  });
  void hearReconnects(connection, proxies);
  return () => {
    if (!connection.isClosed()) subscription.unsubscribe();
  };
}

async function hearReconnects(connection: NatsConnection, proxies: Proxies): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'reconnect') proxies.listening();
  }
}

function parseAck(data: Uint8Array) {
  try {
    const parsed = ack.safeParse(JSON.parse(new TextDecoder().decode(data)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
