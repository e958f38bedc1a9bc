/** Which families of commands the proxy serves, and for whom: what the differential test sends. */
import { type FamilyName, familyNames } from './families.ts';
import type { Target } from './target.ts';

type Where = (target: Target) => boolean;

const everywhere: Where = () => true;
const standalone: Where = ({ route }) => route === 'standalone';
const notPrefixed: Where = ({ isolation }) => isolation !== 'prefix';
const ownServers: Where = ({ isolation }) => isolation === 'dedicated';

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
  'whole keyspace': everywhere,
  'key scans': everywhere,
  flushes: everywhere,
  'element scans': everywhere,
  'all or none in one slot': everywhere,
  'all or none across slots': standalone,
  'strings in one slot': everywhere,
  'strings across slots': everywhere,
  'lists in one slot': everywhere,
  'lists across slots': everywhere,
  'pops in one slot': everywhere,
  'pops across slots': everywhere,
  'sets in one slot': everywhere,
  'sets across slots': everywhere,
  'sorted sets in one slot': everywhere,
  'sorted sets across slots': everywhere,
  'sketches in one slot': everywhere,
  'sketches across slots': everywhere,
  'places in one slot': everywhere,
  'places across slots': everywhere,
  'keys in one slot': everywhere,
  'keys across slots': everywhere,
  'sorts in one slot': everywhere,
  'sorts across slots': everywhere,
  'sorts by pattern': everywhere,
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
