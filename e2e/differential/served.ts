/** Which families of commands the proxy serves, and for whom: what the differential test sends. */
import { type FamilyName, familyNames } from './families.ts';
import type { Target } from './target.ts';

type Where = (target: Target) => boolean;

const everywhere: Where = () => true;
const standalone: Where = ({ route }) => route === 'standalone';
const notPrefixed: Where = ({ isolation }) => isolation !== 'prefix';
const ownServers: Where = ({ isolation }) => isolation === 'dedicated';
const ownServer: Where = (target) => standalone(target) && ownServers(target);

/** A family is switched on by its line; a missing one is not served at all. */
const served: Readonly<Partial<Record<FamilyName, Where>>> = {
  strings: everywhere,
  numbers: everywhere,
  bitmaps: everywhere,
  hashes: everywhere,
  lists: everywhere,
  hyperloglogs: everywhere,
  sets: everywhere,
  'sorted sets': everywhere,
  streams: everywhere,
  'stream groups': notPrefixed,
  places: everywhere,
  keys: everywhere,
  'split by key': everywhere,
  'element scans': everywhere,
  'strings in one slot': everywhere,
  'strings across slots': standalone,
  'lists in one slot': everywhere,
  'lists across slots': standalone,
  'pops in one slot': notPrefixed,
  'pops across slots': (target) => standalone(target) && notPrefixed(target),
  'sets in one slot': everywhere,
  'sets across slots': standalone,
  'sorted sets in one slot': everywhere,
  'sorted sets across slots': standalone,
  'sketches in one slot': everywhere,
  'sketches across slots': standalone,
  'places in one slot': everywhere,
  'places across slots': standalone,
  'keys in one slot': everywhere,
  'keys across slots': standalone,
  'sorts in one slot': ownServer,
  'sorts across slots': ownServer,
  'sorts by pattern': ownServer,
  transactions: standalone,
  'transactions in one slot': everywhere,
  'stray transactions': everywhere,
  scripts: everywhere,
  'forgotten scripts': ownServers,
  functions: ownServers,
  connection: everywhere,
  mistakes: everywhere,
  'help texts': everywhere,
};

export function servedFamilies(target: Target): FamilyName[] {
  return familyNames.filter((name) => served[name]?.(target) === true);
}
