/** Commands that wait for others: what becomes of what they took, and of keys of several slots. */
import { poppedThenPushed } from './emulated.ts';

/**
 * What the command does once there is something.
 * `pops`: takes elements, which go back where they were if the client left before it had them.
 * `moves`: one list to another, where the element stays whether or not the client is there.
 * `reads`: takes nothing. `delivers`: entries of a stream to a consumer.
 */
export type Deed = 'pops' | 'moves' | 'reads' | 'delivers';

/** By full name; whoever carries one out has it by the same names and deeds. */
export const blocking = {
  blpop: 'pops',
  brpop: 'pops',
  blmpop: 'pops',
  bzpopmin: 'pops',
  bzpopmax: 'pops',
  bzmpop: 'pops',
  blmove: 'moves',
  brpoplpush: 'moves',
  xread: 'reads',
  xreadgroup: 'delivers',
} as const satisfies Readonly<Record<string, Deed>>;

type Blocking = typeof blocking;

/** The names of those that do `D`. */
export type BlockingThat<D extends Deed> = {
  [Name in keyof Blocking]: Blocking[Name] extends D ? Name : never;
}[keyof Blocking];

interface Guarantees {
  /** Keys of one slot, or one server. */
  readonly whole: string;
  /** Keys of several slots. */
  readonly across: string;
}

const waits = 'on a connection of its own while it waits';
const mayWait = 'with BLOCK on a connection of its own while it waits';
const rounds = 'again and again until one has something';
const streams = `each stream is read at its own moment, ${rounds}; $ is the last entry there was when the command came`;

const guarantees: Readonly<Record<Deed, Guarantees>> = {
  pops: {
    whole: `${waits}; what it took for a client that had left is put back where it was`,
    across: `key by key in their order, ${rounds}: popped in one step, and put back where it was for a client that had left; a client that waits for one of the keys elsewhere may be served first`,
  },
  moves: {
    whole: `${waits}; moved in one step, also for a client that had left: nothing is put back`,
    across: `tried again and again until the source has an element: ${poppedThenPushed}; moved also for a client that had left`,
  },
  reads: { whole: `${mayWait}; takes nothing`, across: streams },
  delivers: {
    whole: `${mayWait}; entries read for a client that had left stay pending for its consumer, unless NOACK`,
    across: `${streams}; groups are looked at before any entry is read; what was read for a client that had left, or before another stream's error, stays pending for its consumer, unless NOACK`,
  },
};

/** Null of a command that does not wait. */
export function blockingGuarantees(name: string): Guarantees | null {
  const deed = (blocking as Readonly<Record<string, Deed>>)[name];
  return deed === undefined ? null : guarantees[deed];
}
