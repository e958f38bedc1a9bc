/** Runs a TypeScript file on the pinned Node, installing what is missing first: bootstrap.mjs FILE ARG… */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed } from './install.mjs';

// Plain JavaScript for Node 20 or later: before the install there is only the machine's own Node.

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);

if (script === undefined) {
  fail(new Error('usage: node scripts/bootstrap.mjs FILE [ARGUMENT…]'));
} else {
  installed(root).then((node) => become(node, [join(root, script), ...args]), fail);
}

/**
 * Replaces this process by the script where Node can (22.15 on), else stands in for it.
 * @param {string} node
 * @param {string[]} rest
 */
function become(node, rest) {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env['PATH'] ?? ''}` };
  if (typeof process.execve === 'function') {
    process.execve(node, [node, ...rest], env);
  }
  const child = spawn(node, rest, { stdio: 'inherit', env });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', fail);
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

/** @param {Error} error */
function fail(error) {
  process.stderr.write(`respool: ${error.message}\n`);
  process.exitCode = 1;
}
