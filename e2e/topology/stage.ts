/**
 * Everything one test file started, stopped in reverse order; its output printed when a test fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach } from 'node:test';
import { type Child, type ChildOptions, startChild } from './child.ts';

export interface Stage {
  /** Starts a process that ends with the stage. */
  child(options: ChildOptions): Child;
  /** A private empty folder, removed with the stage. */
  folder(name: string): string;
  /** Runs at the end, last registered first. */
  defer(end: () => unknown): void;
  /** The last output of every process of this stage, ended ones included. */
  output(): string;
  stop(): Promise<void>;
}

const printedCharsMax = 6_000;
const deadChildrenMax = 24;

export function newStage(): Stage {
  const children: Child[] = [];
  const ends: (() => unknown)[] = [];
  const folders: string[] = [];
  // Child processes die in the exit hook of child.ts; folders need one of their own.
  process.once('exit', () => removeAll(folders));
  return {
    child(options) {
      const child = startChild(options);
      if (children.length > deadChildrenMax) {
        const gone = children.findIndex((each) => !each.running());
        if (gone >= 0) children.splice(gone, 1);
      }
      children.push(child);
      ends.push(() => child.stop());
      return child;
    },
    folder(name) {
      const path = mkdtempSync(join(tmpdir(), `respool-e2e-${name}-`));
      folders.push(path);
      return path;
    },
    defer: (end) => void ends.push(end),
    output: () => children.map(headed).join('\n'),
    async stop() {
      const failures: unknown[] = [];
      for (const end of ends.splice(0).reverse()) {
        try {
          await end();
        } catch (error) {
          failures.push(error);
        }
      }
      removeAll(folders);
      if (failures.length > 0) throw new AggregateError(failures, 'the stage did not stop cleanly');
    },
  };
}

/**
 * The stage of a test file: stops after its last test, prints what its processes said after a
 * failed one.
 */
export function useStage(): Stage {
  const stage = newStage();
  afterEach((context) => {
    if ('passed' in context && context.passed === false)
      process.stderr.write(`${stage.output()}\n`);
  });
  after(() => stage.stop());
  return stage;
}

function headed(child: Child): string {
  const text = child.output();
  const tail = text.length > printedCharsMax ? `…${text.slice(-printedCharsMax)}` : text;
  return `--- ${child.name} (pid ${child.pid}${child.running() ? '' : ', ended'}) ---\n${tail}`;
}

function removeAll(folders: string[]): void {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
}
