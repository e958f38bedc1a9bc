/** Which Debian packages are still missing: read from what `apt-cache depends` prints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstOfEach } from './apt.ts';

const printed = `redis-tools
  PreDepends: init-system-helpers
  Depends: adduser
  Depends: libjemalloc2
  Depends: libsystemd0
    libelogind0
 |Depends: debconf
  Depends: <debconf-2.0>
    cdebconf
    debconf
 |Depends: lsb-base
  Depends: sysvinit-utils
  Depends: python3:any
`;

test('takes the first package of each dependency that nothing installed meets', () => {
  const none = new Set<string>();
  assert.deepEqual(firstOfEach(printed, none), [
    'init-system-helpers',
    'adduser',
    'libjemalloc2',
    'libsystemd0',
    'debconf',
    'lsb-base',
    'python3',
  ]);
});

test('leaves out a dependency that an alternative or a provider already meets', () => {
  const installed = new Set(['init-system-helpers', 'adduser', 'libelogind0', 'cdebconf']);
  const needed = firstOfEach(printed, new Set([...installed, 'sysvinit-utils', 'python3']));
  assert.deepEqual(needed, ['libjemalloc2']);
});
