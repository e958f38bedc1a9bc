/** What one test file came to, and how the process that runs it tells. */

export interface Failure {
  /** Names from the outermost suite to the test. */
  readonly name: string;
  /** The error as it should be read: message and stack. */
  readonly error: string;
  /** It was not run, because what it is a part of failed: that failure says why. */
  readonly wasCancelled: boolean;
}

/**
 * One message of the running process. `queue`, `begin` and `end` come as things happen, the others
 * in the order of the file. A suite, or a parent that fails with its children, does not count.
 * `open` tells what keeps the process when it is to end; without that, `done` is the last.
 */
export type Word =
  | { readonly word: 'queue' | 'begin' | 'end' | 'skip'; readonly name: string }
  | { readonly word: 'open'; readonly resources: readonly string[] }
  | { readonly word: 'pass'; readonly counts: boolean }
  | ({ readonly word: 'fail'; readonly counts: boolean } & Failure)
  | { readonly word: 'remark'; readonly text: string }
  | { readonly word: 'done' };

export interface FileResult {
  readonly path: string;
  readonly ms: number;
  readonly passed: number;
  readonly skipped: readonly string[];
  /** What tests said of themselves: seeds, counts. */
  readonly remarks: readonly string[];
  readonly failures: readonly Failure[];
  /** Both streams of the process, the end of them. */
  readonly output: string;
  /** What is wrong besides the tests, such as processes left behind. */
  readonly warning: string | null;
}
