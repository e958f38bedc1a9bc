/** Commands of respool that Redis does not have; the shape of a generated row. */
import type { CommandRow } from './row.ts';

export const ownRows: readonly CommandRow[] = [
  {
    name: 'use',
    family: 'connection',
    arity: 2,
    flags: 'noscript loading stale fast',
    categories: 'fast connection',
    keys: [0, 0, 0],
    tips: '',
    specs: [],
  },
  {
    // Of Redis 7.2: clients announce themselves with it.
    name: 'client|setinfo',
    family: 'connection',
    arity: 4,
    flags: 'noscript loading stale',
    categories: 'slow connection',
    keys: [0, 0, 0],
    tips: '',
    specs: [],
  },
];
