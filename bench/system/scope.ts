/** What a bench run opened, closed in the opposite order, also on Ctrl-C and on failure. */

export type Close = () => Promise<void> | void;

export class Scope {
  readonly #closers: Close[] = [];
  #closing: Promise<void> | null = null;

  /** Runs `close` when the scope ends; the last one added runs first. */
  add(close: Close): void {
    this.assertOpen();
    this.#closers.push(close);
  }

  /** To be asked before anything is started that a closed scope would not stop. */
  assertOpen(): void {
    if (this.closed) throw new Error('the bench is stopping: nothing may be opened any more');
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Closes everything once; a closer that fails does not keep the others from running. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        console.error(`bench: stopping failed: ${String(error)}`);
      }
    }
  }
}

/**
 * Runs `body` in a scope of its own that also ends on SIGINT, SIGTERM and SIGHUP. A failure is
 * printed and becomes the exit code: these are commands, and a stack trace helps nobody there.
 */
export async function withScope(body: (scope: Scope) => Promise<void>): Promise<void> {
  const scope = new Scope();
  const stop = (signal: NodeJS.Signals) => {
    console.error(`bench: ${signal}, stopping what was started`);
    void scope.close().then(() => process.exit(130));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, stop);
  try {
    await body(scope);
  } catch (error) {
    // Stopped by a signal, whatever was under way fails for want of its servers.
    if (scope.closed) return;
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    await scope.close();
    for (const signal of signals) process.removeListener(signal, stop);
  }
}
