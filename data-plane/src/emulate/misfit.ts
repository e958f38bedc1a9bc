/** Commands whose number of keys is wrong: the server has the words for it. */
import { commandNamed } from '../command/command.ts';
import type { Answer, Task } from './task.ts';
import { TemporaryKeys } from './temporary.ts';

/**
 * Sends the command with its number of keys as it came, and whatever may be a key replaced by the
 * name of one that does not exist: whatever the server makes of it, it touches nobody's key.
 */
export function misfit({ name, args, backing }: Task): Promise<Answer> {
  const absent = new TemporaryKeys(backing, 0);
  const key = absent.next();
  const specs = commandNamed(name)?.keySpecs ?? [];
  const keys = new Set<number>();
  let count = 0;
  for (const { begin, find } of specs) {
    if (begin.type !== 'index') continue;
    if (find.type === 'keynum') count = begin.index + find.count;
    else keys.add(begin.index);
  }
  const request = args.map((arg, at) => (at <= count && !keys.has(at) ? arg : absent.next()));
  return backing.relay(key, request);
}
