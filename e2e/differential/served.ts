/** Which families of commands the proxy serves, and for whom: what the differential test sends. */
import { type FamilyName, familyNames } from './families.ts';
import type { Target } from './target.ts';

type Where = (target: Target) => boolean;

const standalone: Where = ({ route }) => route === 'standalone';
const ownServers: Where = ({ isolation }) => isolation === 'dedicated';
const ownServer: Where = (target) => standalone(target) && ownServers(target);

/** Not served to everybody, and to whom; a family without a line here is served everywhere. */
const served: Readonly<Partial<Record<FamilyName, Where>>> = {
  'all or nothing across slots': standalone,
  transactions: standalone,
  'transactions over the keyspace': (target) => standalone(target) && target.isolation !== 'prefix',
  'transactions over databases': ownServer,
  'scripts in transactions': ownServer,
  'forgotten scripts': ownServers,
  functions: ownServers,
  databases: ownServer,
  broadcasts: (target) => target.isolation !== 'db',
};

export function servedFamilies(target: Target): FamilyName[] {
  return familyNames.filter((name) => served[name]?.(target) !== false);
}
