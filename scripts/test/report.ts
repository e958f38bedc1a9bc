/** What a test run prints: a line a file, each failure in full, and one line at the end. */
import type { TestFile } from './files.ts';
import type { Failure, FileResult } from './result.ts';

export interface Totals {
  passed: number;
  failed: number;
}

export function reportFile(file: TestFile, result: FileResult): string {
  const { passed, failures, skipped, remarks, ms, warning, output } = result;
  const mark = failures.length > 0 ? 'FAIL' : 'ok  ';
  const count =
    failures.length > 0 ? `${failures.length} of ${passed + failures.length} failed` : '';
  const lines = [
    `${mark} ${file.kind.padEnd(4)} ${file.path} (${passed} passed, ${ms} ms) ${count}`,
  ];
  for (const remark of remarks) lines.push(`     ${remark}`);
  for (const name of skipped) lines.push(`     skipped: ${name}`);
  if (warning !== null) lines.push(`     warning: ${warning}`);
  lines.push(...reportFailures(failures));
  if (failures.length > 0 && output.trim() !== '') lines.push('   output', indent(tail(output)));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/**
 * Causes before what was not run because of them; what failed with one error, as all tests do whose
 * hook failed, stands together above it.
 */
function reportFailures(failures: readonly Failure[]): string[] {
  const causes = failures.filter(({ wasCancelled }) => !wasCancelled);
  const cancelled = failures.filter(({ wasCancelled }) => wasCancelled);
  const byError = Map.groupBy(causes, ({ error }) => error);
  return [
    ...[...byError].flatMap(([error, same]) => [...same.map(nameOf), indent(error)]),
    ...cancelled.map(nameOf),
    ...(cancelled.length > 0 ? [indent('not run, since what they are part of failed')] : []),
  ];
}

function nameOf({ name }: Failure): string {
  return `   ✖ ${name}`;
}

/** The last line of a run: nothing follows it. */
export function reportTotals({ passed, failed }: Totals): string {
  return `${passed} passed, ${failed} failed\n`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `     ${line}`)
    .join('\n');
}

function tail(output: string): string {
  return output.trimEnd().split('\n').slice(-60).join('\n');
}
