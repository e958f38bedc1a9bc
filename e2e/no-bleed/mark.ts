/** Whose bytes these are: every key, value, name and message of a session carries its owner's mark. */

export interface Owner {
  readonly tenant: string;
  /** Unique in the run: a session that comes back is another owner. */
  readonly life: string;
}

export function markOf({ tenant, life }: Owner): string {
  return `<<${tenant}/${life}>>`;
}

/** Tenants whose marks stand in `bytes`, other than `own`. */
export function foreignTenants(bytes: Buffer, own: string): string[] {
  const text = bytes.toString('latin1');
  if (!text.includes('<<')) return [];
  const found = [...text.matchAll(/<<([\w-]+)\/[\w.]+>>/g)].map((match) => match[1] as string);
  return [...new Set(found)].filter((tenant) => tenant !== own);
}

/** Lives whose marks stand in `bytes`. */
export function livesIn(bytes: Buffer): string[] {
  return [...bytes.toString('latin1').matchAll(/<<[\w-]+\/([\w.]+)>>/g)].map(
    (match) => match[1] as string,
  );
}
