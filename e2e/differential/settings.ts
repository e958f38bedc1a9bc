/** What a caller of the differential tests may set, in the environment. */

/** The same programs every time, unless others are asked for. */
const usualSeed = 20_261_126;

/** `RESPOOL_DIFF_SEED`, or {@link usualSeed}. */
export function seedSetting(): number {
  return numberSetting('RESPOOL_DIFF_SEED') ?? usualSeed;
}

/** `RESPOOL_DIFF_COMMANDS`: sent in all by one test file. */
export function commandsSetting(usual: number): number {
  return numberSetting('RESPOOL_DIFF_COMMANDS') ?? usual;
}

/** `RESPOOL_DIFF_ROUND`: no other round is played. */
export function roundSetting(): { readonly onlyRound?: number } {
  const onlyRound = numberSetting('RESPOOL_DIFF_ROUND');
  return onlyRound === null ? {} : { onlyRound };
}

function numberSetting(name: string): number | null {
  const text = process.env[name] ?? '';
  if (text === '') return null;
  if (!/^\d+$/.test(text)) throw new Error(`${name} is a whole number, not ${text}`);
  return Number(text);
}
