/** PHP and Predis out of Debian packages, for the stories that must hold for them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackPackages, writeLauncher } from './apt.ts';
import { installWay } from './debian.ts';
import { provision, type Way } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

/** Path of a PHP that runs programs: no configuration and no extension besides what is built in. */
export async function provisionPhp(): Promise<string> {
  return await provision({
    name: 'php',
    variable: 'RESPOOL_PHP_BIN',
    minimum: '8.1',
    versionArgs: ['--version'],
    folder: 'php-debian',
    ways: [unpackWay, installWay(['php-cli'], ['php'])],
    advice: 'install php-cli (PHP 8.1 or later) and start again',
  });
}

const unpackWay: Way = {
  label: 'from a Debian package',
  fetch: async (into) => {
    const root = join(into, 'root');
    await unpackPackages(['php-cli'], root);
    // The program is called after the release's version of PHP; `php` is made when it is installed.
    const names = await readdir(join(root, 'usr', 'bin'));
    const program = names.find((name) => /^php\d+\.\d+$/.test(name));
    if (program === undefined) throw new Error('php-cli brought no php');
    await writeLauncher(join(into, 'php'), root, `usr/bin/${program}`);
  },
};

/** The folder to look for `Predis/Autoloader.php` in. */
export async function provisionPredis(): Promise<string> {
  const root = await keptFolder('predis-debian', (into) => unpackPackages(['php-predis'], into));
  return join(root, 'usr', 'share', 'php');
}
