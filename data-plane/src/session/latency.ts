/** LATENCY: how long the tenant's own commands took; events inside a server are not a proxy's to see. */
import { commandNamed } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { Meter } from '../observe/meter.ts';
import { encodeError, encodeInteger, encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, map, number, prose } from '../resp/values.ts';
import type { Session } from './session.ts';

const diagnosis =
  'A proxy records no latency events: it waits for servers and does nothing else. LATENCY HISTOGRAM ' +
  'shows how long your commands took as seen here; SLOWLOG GET shows the slow ones.\n';

export function answerLatency(session: Session, command: Command): Buffer {
  const { protocol } = session;
  const name = command.facts!.name;
  switch (name) {
    case 'latency|latest':
    case 'latency|history':
      return encodeReply(array([]), protocol);
    case 'latency|reset':
      return encodeInteger(0);
    case 'latency|doctor':
      return encodeReply(prose(diagnosis), protocol);
    case 'latency|graph': {
      const event = command.text(2).slice(0, 128);
      return encodeError('ERR', `No samples available for event '${event}'`);
    }
    case 'latency|histogram':
      return encodeReply(histograms(session, command), protocol);
    default:
      return encodeError('ERR', `'${name}' is not served by this proxy`);
  }
}

/** How a family is called where Redis names a command: no command's name begins so. */
export function familyLabel(family: string): string {
  return `@${family}`;
}

/**
 * One histogram per family of commands, for that is what is counted; a command asked for stands for
 * its family. Shape as Redis 7.0: bounds in µs that no fewer than so many commands stayed below.
 */
function histograms(session: Session, command: Command): Resp {
  const { meter } = session.user!.tenant;
  const asked = new Set<number>();
  for (let i = 2; i < command.argc; i++) {
    const word = command.text(i).toLowerCase();
    const family = commandNamed(word)?.family ?? meter.families.indexOf(word.replace(/^@/, ''));
    if (family >= 0) asked.add(family);
  }
  const entries: [string, Resp][] = [];
  for (const [family, name] of meter.families.entries()) {
    if (command.argc > 2 && !asked.has(family)) continue;
    if (meter.latencyCount[family]! > 0)
      entries.push([familyLabel(name), histogram(meter, family)]);
  }
  return map(entries);
}

/** 1 µs … 134 s, each twice the one before: bucket edges of the meter. */
const boundsUs = Array.from({ length: 28 }, (_, power) => 2 ** power);

function histogram(meter: Meter, family: number): Resp {
  const below = new Float64Array(boundsUs.length);
  meter.cumulative(family, boundsUs, below);
  const steps = boundsUs.flatMap((bound, index): [Resp, Resp][] => {
    const before = index === 0 ? 0 : below[index - 1]!;
    return below[index]! > before ? [[number(bound), number(below[index]!)]] : [];
  });
  return map([
    ['calls', number(meter.latencyCount[family]!)],
    ['histogram_usec', { type: 'map', entries: steps }],
  ]);
}
