/**
 * How the page of commands says a command is done is how it is done. Method: each command is sent
 * with keys of one slot, and where it can name several also with keys that lie apart; every server
 * counts what reached it. `native` is the command itself once at one server, `fan-out` the command
 * several times, `refused` and `local` nothing, unless the note says that servers are asked. What
 * PROXY EXPLAIN told beforehand must agree.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  type Circumstances,
  contractOf,
  type Share,
  usual,
} from '@respool/contracts/commands/contract';
import type { CommandFacts } from '@respool/contracts/commands/facts';
import { newerNote } from '@respool/contracts/commands/newer-commands';
import { commands, families } from '@respool/contracts/commands/table';
import { type ProbeKeys, probe, severalKeysNames } from '../topology/command-probes.ts';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, startSurface } from '../topology/surface.ts';
import { type Seen, Wire } from '../topology/wire.ts';

const stage = useStage();
let surface: Surface;

before(async () => {
  surface = await startSurface(stage, {
    strict: { backend: 'three', isolation: { mode: 'dedicated' }, crossSlot: 'refuse' },
    root: { backend: 'one', isolation: { mode: 'dedicated' }, passThrough: true },
  });
});

const strictly = { crossSlot: 'refuse' } as const;
const tenants: Readonly<Record<string, Circumstances>> = {
  demo: usual('standalone', 'dedicated'),
  prefixed: usual('standalone', 'prefix'),
  numbered: usual('standalone', 'db'),
  reader: { ...usual('standalone', 'db'), readOnly: true },
  spread: usual('cluster', 'dedicated'),
  both: usual('cluster', 'prefix'),
  strict: { ...usual('cluster', 'dedicated'), ...strictly },
  root: { ...usual('standalone', 'dedicated'), passThrough: true },
};

/** The first ends the server, the second its counting. */
const spoilsports = ['shutdown', 'config|resetstat'];

const runnable = commands.filter(({ subcommands }) => subcommands === null);

/** In one slot, and one on each of the three primaries. */
const together: ProbeKeys = { keys: ['{1}a', '{1}b', '{1}c'], apart: false };
const apart: ProbeKeys = { keys: [0, 1, 2].map((third) => tagIn(third)), apart: true };

/** The same where slots mean nothing. */
const scattered: ProbeKeys = { ...apart, apart: false };

function tagIn(third: number): string {
  for (let n = 0; ; n++) {
    const key = `{${n}}k`;
    if (Math.floor((slotOf(key) * 3) / 16_384) === third) return key;
  }
}

interface Probed {
  readonly facts: CommandFacts;
  readonly words: readonly string[];
  /** What the page says of it. */
  readonly share: Share;
  readonly reply: Value;
  readonly seen: readonly Seen[];
  readonly explained: string;
}

class Prober {
  readonly #tenant: string;
  readonly #wire: Wire;
  readonly #digest: string;
  #client: RawClient;

  private constructor(tenant: string, wire: Wire, digest: string, client: RawClient) {
    this.#tenant = tenant;
    this.#wire = wire;
    this.#digest = digest;
    this.#client = client;
  }

  static async of(tenant: string): Promise<Prober> {
    const clustered = tenants[tenant]?.backend === 'cluster';
    const nodes = surface.cluster.nodes.map(({ server }) => server);
    const wire = await Wire.on(clustered ? nodes : [surface.redis]);
    const client = await login(tenant);
    const digest = String(await client.ask('SCRIPT', 'LOAD', 'return'));
    return new Prober(tenant, wire, digest, client);
  }

  /** On a connection of its own: a command may end it, or leave it in another mode. */
  async send(facts: CommandFacts, keys: ProbeKeys, share: Share): Promise<Probed> {
    const words = probe(facts, keys, this.#digest);
    const explained = await explainedBy(this.#client, words);
    const client = await login(this.#tenant);
    // The digest of EVALSHA is gone once SCRIPT FLUSH was sent.
    if (facts.name.startsWith('evalsha')) await client.ask('SCRIPT', 'LOAD', 'return');
    await this.#wire.forget();
    const reply = await client.ask(...words);
    const seen = await this.#wire.seen();
    client.close();
    await client.closed;
    return { facts, words, share, reply, seen, explained };
  }
}

function login(tenant: string): Promise<RawClient> {
  return connectRaw({ port: surface.path.port, auth: [tenant, ''] });
}

/** The error it would be answered with, or how it would be carried out. */
async function explainedBy(client: RawClient, words: readonly string[]): Promise<string> {
  const flat = (await client.call('PROXY', 'EXPLAIN', ...words)) as Value[];
  const field = (name: string): string => String(flat[flat.indexOf(name) + 1]);
  return field('verdict') === 'admitted' ? field('carried-out') : `refused: ${field('verdict')}`;
}

function totals(seen: readonly Seen[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const one of seen) {
    for (const [name, count] of one) all[name] = (all[name] ?? 0) + count;
  }
  return all;
}

const carried = /^carried out by the proxy for the session: /;

/** Each by what reached the servers, what EXPLAIN had told, and the reply. */
const checks: Readonly<Record<Share['how'], (probed: Probed, about: string) => void>> = {
  native({ facts, seen, explained }, about) {
    // A topic's cluster is another one, and MULTI and its like are sent with EXEC.
    if (families[facts.family] === 'queue') return assert.deepEqual(totals(seen), {}, about);
    const once = facts.name === 'exec' ? {} : { [facts.name]: 1 };
    assert.deepEqual(totals(seen), once, about);
    const said = /^sent (whole to|to the server as it is)/.test(explained);
    assert.ok(said || carried.test(explained), about);
  },
  'fan-out'({ facts, seen, explained }, about) {
    const { [facts.name]: calls, ...more } = totals(seen);
    assert.equal(calls, 3, about);
    assert.deepEqual(more, {}, about);
    assert.ok(/^split into 3 fragments/.test(explained) || carried.test(explained), about);
  },
  emulated({ seen, explained }, about) {
    assert.notDeepEqual(totals(seen), {}, about);
    assert.ok(explained === 'in steps by the proxy' || carried.test(explained), about);
  },
  local({ share, seen, explained }, about) {
    const asks = /asked of|per (channel and )?server/.test(share.note);
    if (!asks) assert.deepEqual(totals(seen), {}, about);
    assert.ok(explained === 'answered by the proxy' || carried.test(explained), about);
  },
  refused({ share, seen, reply, explained }, about) {
    assert.deepEqual(totals(seen), {}, about);
    const said = reply instanceof ReplyError ? reply.message : '';
    assert.equal(explained, `refused: ${said}`, about);
    if (share.note.startsWith('CROSSSLOT')) assert.match(said, /^CROSSSLOT /, about);
  },
};

function check(probed: Probed): void {
  const { facts, words, share, reply, seen, explained } = probed;
  const said = reply instanceof ReplyError ? reply.message : '';
  const about = `${words.join(' ')}: ${share.how}; ${explained}; ${said}; ${JSON.stringify(totals(seen))}`;
  // A command newer than the server here is the server's to know, and it counts none it does not.
  const unknown = newerNote(facts.name) !== null && /^ERR unknown command/.test(said);
  if (unknown) assert.ok(share.how === 'native', about);
  else checks[share.how](probed, about);
  if (share.how !== 'refused') assert.doesNotMatch(said, /^CROSSSLOT/, about);
}

for (const [tenant, given] of Object.entries(tenants)) {
  describe(tenant, () => {
    test('every command is done as the page says, with keys of one slot', async () => {
      const prober = await Prober.of(tenant);
      for (const facts of runnable) {
        if (given.passThrough && spoilsports.includes(facts.name)) continue;
        check(await prober.send(facts, together, contractOf(facts, given)));
      }
    });

    test('and with keys of several slots', async () => {
      const prober = await Prober.of(tenant);
      for (const facts of runnable) {
        const { acrossSlots, ...whole } = contractOf(facts, given);
        if (!severalKeysNames.has(facts.name)) assert.equal(acrossSlots, null, facts.name);
        else
          check(
            await prober.send(
              facts,
              acrossSlots === null ? scattered : apart,
              acrossSlots ?? whole,
            ),
          );
      }
    });
  });
}
