/** What a question to an owner holds that wants nothing and has nothing to say. */
import type { Ask } from '../positions/exchange.ts';

export const quietAsk: Omit<Ask, 'unit' | 'epoch' | 'from'> = {
  ...{ take: 0, bytesMax: 2 ** 20, waits: false },
  ...{ acks: [], nacks: [], returns: [], doubts: [], verdicts: [], turn: null },
};
