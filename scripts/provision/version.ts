/** Version numbers as programs print them. */

/** The first dotted number in `text`, such as 2.15.1 in `nats-server: v2.15.1`; null without one. */
export function versionIn(text: string): string | null {
  return /\d+\.\d+(?:\.\d+)*/.exec(text)?.[0] ?? null;
}

/** Whether `version` is `minimum` or later; both are dotted numbers of any length. */
export function isAtLeast(version: string, minimum: string): boolean {
  const have = version.split('.').map(Number);
  const need = minimum.split('.').map(Number);
  for (let part = 0; part < Math.max(have.length, need.length); part++) {
    const difference = (have[part] ?? 0) - (need[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
