/** Runs the tests of one file in this process, and tells the parent process each event by IPC. */
import { resolve } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import type { Word } from './result.ts';

interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: { readonly type?: string; readonly error?: Error };
}

const [file = '', pattern] = process.argv.slice(2);
const path = resolve(file);
const parents: string[] = [];

// Whoever wanted to know is gone.
const quit = () => process.exit(1);
process.once('disconnect', quit);
// Listening to the channel must not keep the process running: its end is how tests end.
process.channel?.unref();
// Told to end: what keeps us says why we did not end by ourselves. Nothing is tidied up after that,
// since code that hangs may hang there as well; whoever told us ends what we started.
process.once('SIGTERM', () => {
  const end = () => process.kill(process.pid, 'SIGKILL');
  const word = { word: 'open', resources: process.getActiveResourcesInfo() } satisfies Word;
  if (process.send?.(word, end) === undefined) end();
});

/** Node's own counts of the whole run. */
const ofTheRun = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

const stream = run({
  files: [path],
  isolation: 'none',
  ...(pattern === undefined ? {} : { testNamePatterns: [new RegExp(pattern, 'i')] }),
});
stream.on('test:start', ({ name, nesting }) => {
  parents.length = nesting;
  parents[nesting] = name;
});
stream.on('test:enqueue', ({ name }) => tell({ word: 'queue', name }));
stream.on('test:dequeue', ({ name }) => tell({ word: 'begin', name }));
stream.on('test:complete', ({ name }) => tell({ word: 'end', name }));
stream.on('test:pass', (event: TestEvent) => {
  const isSkipped = event.skip !== undefined || event.todo !== undefined;
  // Node reports a file without tests as one test that passed, named like the file.
  const counts = event.details.type !== 'suite' && event.name !== path;
  tell(isSkipped ? { word: 'skip', name: fullName(event) } : { word: 'pass', counts });
});
stream.on('test:fail', (event: TestEvent) => {
  const { error } = event.details;
  const failureType = error !== undefined && 'failureType' in error ? error.failureType : null;
  const counts = failureType !== 'subtestsFailed';
  const wasCancelled = failureType === 'cancelledByParent';
  const isLastHook = failureType === 'hookFailed' && event.name === path;
  const name = isLastHook ? 'after the last test' : fullName(event);
  tell({ word: 'fail', name, error: shownError(error), counts, wasCancelled });
});
stream.on('test:diagnostic', ({ message }) => {
  // An error thrown after its test ended: Node only remarks on it, yet something did go wrong.
  if (/asynchronous activity/.test(message)) {
    const name = 'after a test had ended';
    tell({ word: 'fail', name, error: message, counts: true, wasCancelled: false });
  } else if (!ofTheRun.test(message)) {
    tell({ word: 'remark', text: message });
  }
});
for await (const _event of stream);
// What the channel has not taken yet is dropped with it: a parent that is busy reads late.
await new Promise((resolve) => {
  const isSent = process.send?.({ word: 'done' } satisfies Word, resolve);
  if (isSent === undefined) resolve(null);
});
process.off('disconnect', quit);
process.disconnect?.();

function fullName({ name, nesting }: TestEvent): string {
  return [...parents.slice(0, nesting), name].join(' › ');
}

/** What was thrown, under Node's words for where, should that be a hook. */
function shownError(error: Error | undefined): string {
  const shown = inspect(error?.cause ?? error, { depth: 6 });
  return error?.message.startsWith('failed running ') ? `${error.message}\n${shown}` : shown;
}

function tell(word: Word): void {
  process.send?.(word);
}
