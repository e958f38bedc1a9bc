/** A session's own keys, of which it knows what they hold. */
import { bulk, deed, ok } from './deed.ts';
import type { Deed, Expected, Life } from './life.ts';

/** A key that no session has at the backend where all begin. */
export const onlyElsewhere = 'elsewhere';

export function set(life: Life): Deed {
  const [key, value] = [life.key('v'), life.value()];
  return deed(['SET', key, value], () => {
    life.values.set(life.here(key), value);
    return ok;
  });
}

export function get(life: Life): Deed {
  const key = life.key('v');
  return deed(['GET', key], () => held(life, key));
}

export function held(life: Life, key: string): Expected {
  const value = life.values.get(life.here(key));
  if (value === undefined) return life.nil;
  return value === null ? null : bulk(value);
}
