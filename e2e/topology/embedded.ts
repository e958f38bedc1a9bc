/**
 * `npm start` on private ports with a state folder of its own, as somebody at a terminal runs it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/test/port.ts';
import { Api } from './api.ts';
import type { Child } from './child.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import type { Stage } from './stage.ts';
import { Hopeless, until } from './until.ts';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Every port of an embedded start, by the setting that moves it. */
export const portSettings = [
  'RESPOOL_RESP_PORT',
  'RESPOOL_API_PORT',
  'RESPOOL_ADMIN_PORT',
  'RESPOOL_EMBEDDED_NATS_PORT',
  'RESPOOL_EMBEDDED_NATS_MONITOR_PORT',
  'RESPOOL_EMBEDDED_REDIS_PORT',
] as const;
export type PortSetting = (typeof portSettings)[number];

export interface Place {
  readonly stateFolder: string;
  readonly ports: Readonly<Record<PortSetting, number>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Where an embedded start can run without meeting another. */
export async function newPlace(stage: Stage): Promise<Place> {
  const stateFolder = join(stage.folder('embedded'), 'state');
  const pairs: [PortSetting, number][] = [];
  for (const setting of portSettings) pairs.push([setting, await freePort()]);
  const ports = Object.fromEntries(pairs) as Record<PortSetting, number>;
  const env = Object.fromEntries(pairs.map(([setting, port]) => [setting, String(port)]));
  return { stateFolder, ports, env: { ...env, RESPOOL_STATE_DIR: stateFolder } };
}

/** Runs `npm start`; `ready` tells when it serves. */
export function launchEmbedded(stage: Stage, place: Place, env: object = {}): Child {
  return stage.child({
    name: 'npm start',
    command: 'npm',
    args: ['start'],
    cwd: projectRoot,
    env: { ...place.env, ...env },
    ownGroup: true,
  });
}

export async function ready(child: Child): Promise<string> {
  return until(
    () => {
      if (!child.running()) throw new Hopeless(`npm start ended:\n${child.output()}`);
      const text = child.output();
      return text.includes('Ctrl-C') ? text : null;
    },
    { what: 'npm start to say that it is ready', everyMs: 50 },
  );
}

export function respOf(place: Place): Promise<RawClient> {
  return connectRaw({ port: place.ports.RESPOOL_RESP_PORT });
}

export function apiOf(place: Place): Api {
  const line = readFileSync(join(place.stateFolder, 'secrets', 'api-tokens'), 'utf8');
  const token = line.trim().slice(line.indexOf(':') + 1);
  return new Api(`http://127.0.0.1:${place.ports.RESPOOL_API_PORT}`, token);
}

/** `pid` and everything it started, by proc(5). */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== null) parents.set(Number(name), parent);
  }
  const family = [pid];
  for (let at = 0; at < family.length; at += 1) {
    for (const [child, parent] of parents) if (parent === family[at]) family.push(child);
  }
  return family;
}

/** Which of these processes still run; one that ended and was not waited for yet does not. */
export function stillRunning(pids: readonly number[]): number[] {
  return pids.filter((pid) => parentOf(pid) !== null);
}

/** Null when there is no such process, or only its remains. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, blanks and parentheses too.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? null : Number(parent);
  } catch {
    return null;
  }
}
