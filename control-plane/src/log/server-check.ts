/** Whether the NATS servers are fit to hold the log: new enough, and fsync before each ack. */
import { z } from 'zod';

/**
 * Older servers have no `sync_interval: always` that also covers replicated streams as we need it.
 */
const versionMin = [2, 12] as const;
const answerMsMax = 2_000;
const answerBytesMax = 1024 * 1024;

/** What `/varz` of the monitoring port tells, as far as it matters here (nats-server 2.15). */
const varz = z.object({
  server_id: z.string(),
  server_name: z.string(),
  version: z.string(),
  jetstream: z
    .object({ config: z.object({ sync_always: z.boolean().optional() }).optional() })
    .optional(),
});
export type ServerFacts = z.infer<typeof varz>;

/** The log must not be kept on these servers; the message says which setting to change. */
export class UnfitServer extends Error {
  override name = 'UnfitServer';
}

export interface ServersChecked {
  readonly fit: readonly ServerFacts[];
  /** Why some monitoring ports did not answer; a cluster with one server down must go on. */
  readonly silent: readonly string[];
}

/**
 * Asks every monitoring port and refuses the first unfit server with {@link UnfitServer}. Ports
 * that do not answer may do so later; when none does, that is an ordinary error.
 */
export async function checkServers(monitorUrls: readonly string[]): Promise<ServersChecked> {
  if (monitorUrls.length === 0) {
    throw new UnfitServer(
      'the monitoring address of NATS is not set (RESPOOL_NATS_MONITOR_URL): without it nobody ' +
        'can tell whether an acknowledged change survives a power cut',
    );
  }
  const fit: ServerFacts[] = [];
  const silent: string[] = [];
  for (const answer of await Promise.allSettled(monitorUrls.map(ask))) {
    if (answer.status === 'fulfilled') fit.push(answer.value);
    else if (answer.reason instanceof UnfitServer) throw answer.reason;
    else silent.push(String(answer.reason));
  }
  for (const server of fit) refuseUnfit(server);
  if (fit.length === 0) throw new Error(silent.join('; '));
  return { fit, silent };
}

/**
 * Refuses when a server that holds the log is not among those checked: the one we talk to (by id)
 * and every replica of the stream (by name). While some port is silent that is no verdict, only an
 * error.
 */
export function refuseUnknown(
  checked: ServersChecked,
  serverId: string,
  replicas: readonly string[],
): void {
  const names = new Set(checked.fit.map((server) => server.server_name));
  const missing = replicas.filter((name) => !names.has(name));
  const isKnown = checked.fit.some((server) => server.server_id === serverId);
  if (isKnown && missing.length === 0) return;
  if (checked.silent.length > 0) throw new Error(checked.silent.join('; '));
  if (!isKnown) {
    throw new UnfitServer(
      'the NATS server we are connected to is not the one behind RESPOOL_NATS_MONITOR_URL',
    );
  }
  throw new UnfitServer(
    `RESPOOL_NATS_MONITOR_URL must also name the monitoring port of ${missing.join(', ')}, which ` +
      'holds a replica of the log',
  );
}

async function ask(monitorUrl: string): Promise<ServerFacts> {
  const address = new URL('/varz', monitorUrl);
  const signal = AbortSignal.timeout(answerMsMax);
  const answer = await fetch(address, { signal }).catch((error: unknown) => {
    throw new Error(`the monitoring port ${address} does not answer`, { cause: error });
  });
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  const text = await answer.text();
  if (text.length > answerBytesMax) throw new Error(`${address} answered too much`);
  const facts = varz.safeParse(JSON.parse(text));
  if (!facts.success) throw new UnfitServer(`${address} is not a NATS monitoring port`);
  return facts.data;
}

function refuseUnfit(server: ServerFacts): void {
  const [major = 0, minor = 0] = server.version.split('.').map(Number);
  const isNew = major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1]);
  if (!isNew) {
    throw new UnfitServer(
      `nats-server ${server.server_name} is ${server.version}; ` +
        `${versionMin.join('.')} or later is needed`,
    );
  }
  if (server.jetstream?.config === undefined) {
    throw new UnfitServer(`nats-server ${server.server_name} runs without JetStream`);
  }
  if (server.jetstream.config.sync_always === true) return;
  throw new UnfitServer(
    `nats-server ${server.server_name} acknowledges before it writes to disk; set ` +
      '`jetstream { sync_interval: always }` in its configuration',
  );
}
