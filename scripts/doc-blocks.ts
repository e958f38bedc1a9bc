/** Fenced code blocks of a Markdown text, so that what the documents tell people to type is tested. */

export interface DocBlock {
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** First word after the fence: `sh`, `json`; empty without one. */
  readonly language: string;
  /** The words after it. */
  readonly marks: readonly string[];
  /** Content without the fences, each line ended; the fence's own indentation is taken off. */
  readonly text: string;
}

const openFence = /^( {0,3})(`{3,}|~{3,})\s*([^`]*)$/;

/**
 * In the order they stand. A fence is closed by one of the same sign at least as long, or by the
 * end of the text. Source: CommonMark, "Fenced code blocks". Blocks inside lists or quotes are not
 * seen.
 */
export function docBlocks(markdown: string): DocBlock[] {
  const lines = markdown.split(/\r?\n/);
  const blocks: DocBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const open = openFence.exec(lines[at] ?? '');
    if (open === null) continue;
    const [, indent = '', fence = '', info = ''] = open;
    const first = at + 1;
    let end = first;
    while (end < lines.length && !closes(lines[end] ?? '', fence)) end++;
    const [language = '', ...marks] = info.trim().split(/\s+/);
    const content = lines.slice(first, end).map((line) => `${outdented(line, indent.length)}\n`);
    blocks.push({ line: first, language, marks, text: content.join('') });
    at = end;
  }
  return blocks;
}

function closes(line: string, fence: string): boolean {
  const found = /^ {0,3}(`{3,}|~{3,})\s*$/.exec(line)?.[1];
  return found !== undefined && found[0] === fence[0] && found.length >= fence.length;
}

function outdented(line: string, columns: number): string {
  const blanks = /^ */.exec(line)?.[0].length ?? 0;
  return line.slice(Math.min(blanks, columns));
}
