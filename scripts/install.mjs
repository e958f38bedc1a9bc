/** Installed packages as package-lock.json wants them, and the pinned Node among them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { retried } from './retry.mjs';

// Plain JavaScript for Node 20 or later: it runs before anything is installed.

/**
 * Path of the pinned Node, after `npm ci` if package-lock.json changed since the last one.
 * Costs one hash when nothing changed, and then needs no network.
 * @param {string} root the folder of package.json
 * @returns {Promise<string>}
 */
export async function installed(root) {
  const node = join(root, 'node_modules', '.bin', 'node');
  if (isCurrent(root)) return node;
  await withLock(join(root, '.respool', 'install.lock'), async () => {
    if (!isCurrent(root)) await install(root, node);
  });
  return node;
}

/** @param {string} root */
function stampPath(root) {
  return join(root, 'node_modules', '.respool-install');
}

/** @param {string} root */
function wanted(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** @param {string} root */
function isCurrent(root) {
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) return false;
  const stamp = stampPath(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === wanted(root);
}

/**
 * @param {string} root
 * @param {string} node
 */
async function install(root, node) {
  if (!matchesLock(root)) {
    process.stderr.write(
      'respool: installing packages (first run, or package-lock.json changed)\n',
    );
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=5'];
    await retried(() => run(root, npm(), ['ci', '--include=dev', ...quiet]));
  }
  if (!isPinned(root, node)) await installNode(root, node);
  writeFileSync(stampPath(root), `${wanted(root)}\n`);
}

/**
 * Whether the packages are those of the lock although we did not install them: somebody ran
 * `npm install`. npm keeps what it installed in node_modules/.package-lock.json.
 * @param {string} root
 */
function matchesLock(root) {
  const installedLock = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const have = packagesOf(installedLock);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, entry]) =>
      !path.includes('node_modules/') ||
      (have[path] === undefined
        ? entry.optional === true
        : have[path].version === entry.version && have[path].integrity === entry.integrity),
  );
}

/**
 * @param {string} lock
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }>}
 */
function packagesOf(lock) {
  return JSON.parse(readFileSync(lock, 'utf8')).packages;
}

/**
 * @param {string} root
 * @param {string} node
 */
function isPinned(root, node) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const asked = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return asked.status === 0 && asked.stdout.trim() === `v${manifest.dependencies.node}`;
}

/**
 * The package `node` fetches its binary in an install script, which npm 11 and later run only for
 * packages named under allowScripts, and which a user's own npm settings may forbid: run it here.
 * @param {string} root
 * @param {string} node
 */
async function installNode(root, node) {
  const folder = join(root, 'node_modules', 'node');
  const quiet = { npm_config_loglevel: 'error' };
  await retried(() => run(folder, [npmNode()], ['installArchSpecificPackage.js'], quiet));
  // npm links only programs that were there when it installed.
  if (!existsSync(node)) symlinkSync(join('..', 'node', 'bin', 'node'), node);
  if (isPinned(root, node)) return;
  throw new Error(
    'the package "node" was installed without its binary; ' +
      'run "npm rebuild node --foreground-scripts" to see why',
  );
}

/** The Node that npm itself runs on: unlike process.execPath, never the one about to be replaced. */
function npmNode() {
  return process.env['npm_node_execpath'] ?? process.execPath;
}

/** The npm that started us, else the one on PATH. */
function npm() {
  const script = process.env['npm_execpath'];
  return script?.endsWith('.js') ? [npmNode(), script] : ['npm'];
}

/**
 * @param {string} folder
 * @param {string[]} program
 * @param {string[]} args
 * @param {Record<string, string>} [settings]
 */
function run(folder, program, args, settings = {}) {
  const [command = '', ...first] = program;
  const done = spawnSync(command, [...first, ...args], {
    cwd: folder,
    env: { ...process.env, ...settings },
    // Keep our standard output for the script to come: what npm says goes to standard error.
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 900_000,
    killSignal: 'SIGKILL',
  });
  if (done.status === 0) return;
  process.stderr.write(done.stdout ?? '');
  const why = done.error?.message ?? `exit code ${done.status}`;
  throw new Error(`"${[...program, ...args].join(' ')}" failed: ${why}`);
}
