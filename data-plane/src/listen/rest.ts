/** How much of a command that is not whole yet is kept beside the next read. */

/** A rest up to this size waits there; a larger one becomes an upload. */
export const restBytesMax = 128 * 1024;

/**
 * What a blocked client may send meanwhile. Only while it is read from can its leaving be noticed:
 * beyond this it is not until its command ends.
 */
export const blockedRestBytesMax = 64 * 1024;
