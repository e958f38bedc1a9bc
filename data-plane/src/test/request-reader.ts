/** Requests as a test server reads them: plainly, and by other code than the proxy's. */

/** Takes chunks, gives whole commands as Latin-1 texts. Arrays of bulk strings only. */
export class RequestReader {
  #kept = '';
  /** Below this length the command cannot be whole: a large value is not looked at in each chunk. */
  #wanted = 0;

  feed(chunk: Buffer): string[][] {
    this.#kept += chunk.toString('latin1');
    const commands: string[][] = [];
    if (this.#kept.length < this.#wanted) return commands;
    for (;;) {
      const command = this.#next();
      if (command === null) return commands;
      commands.push(command);
    }
  }

  #next(): string[] | null {
    const text = this.#kept;
    const line = text.indexOf('\r\n');
    if (line < 0) return null;
    if (text[0] !== '*') throw new Error(`no request: ${JSON.stringify(text.slice(0, 40))}`);
    const args: string[] = [];
    let at = line + 2;
    for (let left = Number(text.slice(1, line)); left > 0; left--) {
      const header = text.indexOf('\r\n', at);
      if (header < 0) return null;
      const end = header + 2 + Number(text.slice(at + 1, header));
      if (text[at] !== '$' || !(end > header)) throw new Error(`no bulk string at ${at}`);
      if (text.length < end + 2) {
        this.#wanted = end + 2;
        return null;
      }
      args.push(text.slice(header + 2, end));
      at = end + 2;
    }
    this.#kept = text.slice(at);
    this.#wanted = 0;
    return args;
  }
}
