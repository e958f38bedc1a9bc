/** Lists by name, a page at a time. */
import { z } from 'zod';

const pageMax = 10_000;

export const pageQuery = z.strictObject({
  /** The name after which the page begins. */
  after: z.string().max(128).optional(),
  limit: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= pageMax, { error: `must be 1 to ${pageMax}` })
    .prefault('1000'),
});
export type PageQuery = z.infer<typeof pageQuery>;

export function page<T, V>(
  held: Readonly<Record<string, T>>,
  { after = '', limit }: PageQuery,
  view: (value: T) => V,
): { items: V[]; next: string | null } {
  const names = Object.keys(held)
    .filter((name) => name > after)
    .sort();
  const shown = names.slice(0, limit);
  const next = names.length > limit ? (shown.at(-1) ?? null) : null;
  return { items: shown.map((name) => view(held[name] as T)), next };
}
