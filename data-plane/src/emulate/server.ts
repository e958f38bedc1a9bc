/** Commands about no key: asked of one node, whichever it is. */
import type { Work } from './task.ts';

/** TIME, OBJECT HELP, MEMORY HELP: each server says the same, or its own. */
export const anyNode: Work = ({ args, backing }) => {
  return backing.askNode(backing.ownerOf(0), args);
};
