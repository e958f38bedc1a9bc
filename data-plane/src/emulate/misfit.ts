/** Commands whose number of keys is wrong: the server has the words for it. */
import { commandNamed } from '../command/command.ts';
import type { Answer, Task } from './task.ts';
import { TemporaryKeys } from './temporary.ts';

/**
 * Sends the command with its number of keys as it came and any other argument replaced by the name
 * of a key that does not exist: whatever the server makes of it, it touches nobody's key.
 */
export function misfit({ name, args, backing }: Task): Promise<Answer> {
  const absent = new TemporaryKeys(backing, 0);
  const key = absent.next();
  const counts = (commandNamed(name)?.keySpecs ?? []).flatMap(({ begin, find }) => {
    return begin.type === 'index' && find.type === 'keynum' ? [begin.index + find.count] : [];
  });
  const request = args.map((arg, at) => (at === 0 || counts.includes(at) ? arg : absent.next()));
  return backing.relay(key, request);
}
