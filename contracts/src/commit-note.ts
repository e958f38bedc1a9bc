/** What is written beside every committed offset of a managed position. */

export interface CommitNote {
  /** Generation of the last seek that was done; 0 is none. */
  readonly seek: number;
  /** The offset counts in this topic only, not in one created later under its name. */
  readonly topicId: string;
}

export function writeCommitNote({ seek, topicId }: CommitNote): string {
  return `respool/1 seek=${seek} topic=${topicId}`;
}

/** Null for what others committed. */
export function readCommitNote(text: string): CommitNote | null {
  const [, seek, topicId] = /^respool\/1 seek=(\d{1,15}) topic=(\S+)$/.exec(text) ?? [];
  return topicId === undefined ? null : { seek: Number(seek), topicId };
}

/**
 * Whether what was committed is a position in the topic as it is now. Ours is one in its own topic,
 * beyond the end too: then an ex-leader told the end, or the log lost it. What others committed
 * bears no id, and is one as far as the log goes; `end` is null where that is not known.
 */
export function isPositionIn(
  topicId: string,
  committed: { readonly offset: number; readonly note: string },
  end: number | null,
): boolean {
  const note = readCommitNote(committed.note);
  if (note !== null) return note.topicId === topicId;
  return end === null || committed.offset <= end;
}
