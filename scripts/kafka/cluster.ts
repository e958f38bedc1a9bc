/** A private Kafka cluster of one or three nodes: ports and folders of its own, stopped by pid. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { run } from '../provision/run.ts';
import { type Child, startChild } from '../start/child.ts';
import { untilReady } from '../start/ready.ts';
import { freePorts } from '../test/port.ts';
import { type JavaOptions, javaArguments, type KafkaTool } from './jvm.ts';
import {
  type KafkaSecurity,
  type NodePorts,
  scramArguments,
  serverProperties,
} from './properties.ts';

export interface KafkaOptions {
  /** An empty folder; what the brokers write stays there. */
  readonly folder: string;
  readonly nodes?: 1 | 3;
  readonly security?: KafkaSecurity;
  readonly settings?: Readonly<Record<string, string>>;
  readonly java?: JavaOptions;
}

export interface KafkaNode {
  /** The broker's id, from 1. */
  readonly id: number;
  readonly address: string;
  /** The process now; null after `kill9` or `stop`. */
  child(): Child | null;
  /** Starts it again on its ports and with its data. */
  start(): Promise<void>;
  /** SIGTERM: it hands its partitions over first. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** SIGSTOP and SIGCONT: it keeps its connections and says nothing. */
  pause(): void;
  resume(): void;
}

export interface KafkaCluster {
  readonly nodes: readonly KafkaNode[];
  /** `host:port` of each node, for clients without TLS and password. */
  readonly bootstrap: readonly string[];
  /** The same for the secured listener; empty without one. */
  readonly securedBootstrap: readonly string[];
  /** Ends every node; the folder is the caller's to remove. */
  stop(): Promise<void>;
}

/** One for all: nodes find each other by address, and nobody else's can join by accident. */
const clusterId = 'cmVzcG9vbC1rYWZrYS10cw';
const readyMsMax = 90_000;
const formatMsMax = 90_000;
const stopMsMax = 15_000;
/** For one that writes its class archive at the end. */
const archiveMsMax = 120_000;

/** Formats the nodes' storage, starts them, and resolves when each accepts clients. */
export async function startKafka(tool: KafkaTool, options: KafkaOptions): Promise<KafkaCluster> {
  const { security = null } = options;
  const ports = await takePorts(options.nodes ?? 1);
  const nodes = ports.map((_, index) => newNode(tool, options, ports, index + 1));
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await Promise.all(nodes.map((node) => format(tool, node.folder, security)));
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  const at = (port: number) => `127.0.0.1:${port}`;
  return {
    nodes,
    bootstrap: ports.map(({ plain }) => at(plain)),
    securedBootstrap: security === null ? [] : ports.map(({ secured }) => at(secured)),
    stop,
  };
}

function newNode(
  tool: KafkaTool,
  options: KafkaOptions,
  ports: readonly NodePorts[],
  id: number,
): KafkaNode & { readonly folder: string } {
  const { security = null, settings = {} } = options;
  const folder = join(options.folder, `node-${id}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'server.properties'),
    serverProperties({ id, folder, ports, security, settings }),
    { mode: 0o600 },
  );
  const port = ports[id - 1]?.plain ?? 0;
  let child: Child | null = null;
  return {
    id,
    folder,
    address: `127.0.0.1:${port}`,
    child: () => child,
    async start() {
      child = await startChild({
        name: `kafka node ${id}`,
        command: tool.java,
        args: javaArguments(tool, ['kafka.Kafka', 'server.properties'], options.java),
        folder,
        logFile: join(folder, 'broker.log'),
        stopMsMax: options.java?.archiveTo === undefined ? stopMsMax : archiveMsMax,
      });
      await untilReady(child, () => accepts(port), readyMsMax);
    },
    async stop() {
      if (child?.isRunning() === true) process.kill(child.pid, 'SIGCONT');
      await child?.stop();
      child = null;
    },
    async kill9() {
      if (child?.isRunning() === true) process.kill(child.pid, 'SIGKILL');
      await child?.ended;
      child = null;
    },
    pause: () => void (child?.isRunning() && process.kill(child.pid, 'SIGSTOP')),
    resume: () => void (child?.isRunning() && process.kill(child.pid, 'SIGCONT')),
  };
}

async function format(
  tool: KafkaTool,
  folder: string,
  security: KafkaSecurity | null,
): Promise<void> {
  const what = ['--cluster-id', clusterId, '--config', join(folder, 'server.properties')];
  const main = ['kafka.tools.StorageTool', 'format', ...what, ...scramArguments(security)];
  await run(tool.java, javaArguments(tool, main), { folder, msMax: formatMsMax });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2_000 });
    const answer = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

async function takePorts(nodes: number): Promise<NodePorts[]> {
  return Promise.all(
    Array.from({ length: nodes }, async () => {
      const [plain, controller, secured] = await freePorts(3);
      return { plain: plain!, controller: controller!, secured: secured! };
    }),
  );
}
