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

/** Null for what others committed, whose offset counts all the same. */
export function readCommitNote(text: string): CommitNote | null {
  const [, seek, topicId] = /^respool\/1 seek=(\d{1,15}) topic=(\S+)$/.exec(text) ?? [];
  return topicId === undefined ? null : { seek: Number(seek), topicId };
}
