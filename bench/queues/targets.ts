/** Who is measured, doing what: the product through redis-benchmark, the libraries in a process each. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { cpuMicroseconds, sampleCpu } from '../system/cpu.ts';
import { type Endpoint, runLoad } from '../system/load.ts';
import type { Scope } from '../system/scope.ts';
import type { PeerResult, PeerSettings } from './peer.ts';

export interface QueueSample {
  readonly cpuUsPerMessage: number;
  readonly messagesPerSecond: number;
  readonly p99Ms: number | null;
  /** What the same message cost the broker. */
  readonly brokerCpuUsPerMessage: number;
}

/** As it is seen from outside the broker. */
export type ClientSample = Omit<QueueSample, 'brokerCpuUsPerMessage'>;

/** A proxy and its share of the callers. */
export interface ProxyTarget {
  readonly endpoint: Endpoint;
  readonly pid: number;
}

const runMsMax = 180_000;

/** `command` by `callers` connections on all proxies together; CPU is that of the proxies. */
export async function measureProxies(
  scope: Scope,
  benchmark: string,
  proxies: readonly ProxyTarget[],
  load: { command: readonly string[]; callers: number; messages: number; depth?: number },
): Promise<ClientSample> {
  const before = proxies.map(({ pid }) => sampleCpu(pid));
  const share = (total: number) => String(Math.ceil(total / proxies.length));
  const results = await Promise.all(
    proxies.map(({ endpoint: { port, credentials } }) => {
      const login =
        credentials === null ? [] : ['--user', credentials.user, '-a', credentials.password];
      const args = [
        ...['-h', '127.0.0.1', '-p', String(port), '--csv', ...login],
        ...['-c', share(load.callers), '-n', share(load.messages), '-P', String(load.depth ?? 1)],
        ...load.command,
      ];
      return runLoad(scope, benchmark, args, AbortSignal.timeout(runMsMax), null);
    }),
  );
  const cpuUs = proxies.reduce((sum, { pid }, at) => {
    return sum + cpuMicroseconds(before[at] ?? new Map(), sampleCpu(pid));
  }, 0);
  return {
    cpuUsPerMessage: cpuUs / load.messages,
    messagesPerSecond: results.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0),
    p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
  };
}

/** What `measure` finds about `messages` messages, and the CPU of the broker meanwhile. */
export async function besideBroker(
  brokerPid: number,
  messages: number,
  measure: () => Promise<ClientSample>,
): Promise<QueueSample> {
  const before = sampleCpu(brokerPid);
  const sample = await measure();
  const cpuUs = cpuMicroseconds(before, sampleCpu(brokerPid));
  return { ...sample, brokerCpuUsPerMessage: cpuUs / messages };
}

const peerProgram = join(import.meta.dirname, 'peer.ts');

/** CPU is that of the whole process of the application, its own part included: it is next to none. */
export async function measurePeer(scope: Scope, settings: PeerSettings): Promise<ClientSample> {
  scope.assertOpen();
  const child = spawn(process.execPath, [peerProgram, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2_000);
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const late = setTimeout(kill, runMsMax);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  process.removeListener('exit', kill);
  if (code !== 0) throw new Error(`${settings.library} ${settings.role}: exit ${code}\n${errors}`);
  const { messages, seconds, cpuUs, p99Ms } = JSON.parse(output) as PeerResult;
  return { cpuUsPerMessage: cpuUs / messages, messagesPerSecond: messages / seconds, p99Ms };
}
