/** Who still runs in a process group, told by /proc as proc(5) describes it. */
import { readdirSync, readFileSync } from 'node:fs';

/** False for a zombie as well: it has ended, and only its parent has not looked yet. */
export function isRunning(pid: number): boolean {
  return statOf(pid) !== null;
}

/** Process ids of the group's running members. */
export function membersOf(group: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => statOf(pid)?.group === group);
}

function statOf(pid: number): { group: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name, in parentheses, which may itself hold some.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? null : { group: Number(group) };
  } catch {
    return null;
  }
}
