/** What a session does with its connection: small groups of commands, each with its right replies. */
import { publish, subscribe } from './channels.ts';
import { any, bulk, deed, integer, list, ok, says } from './deed.ts';
import { get, held, onlyElsewhere, set } from './keys.ts';
import { awayDatabase, type Deed, type Life, nothing } from './life.ts';

export type Move = (life: Life) => readonly Deed[];

function push(life: Life): Deed {
  const [key, value] = [life.key('l'), life.value()];
  return deed(['RPUSH', key, value], () => {
    const items = [...(life.lists.get(life.here(key)) ?? []), value];
    life.lists.set(life.here(key), items);
    return integer(items.length);
  });
}

function range(life: Life): Deed {
  const key = life.key('l');
  return deed(['LRANGE', key, 0, -1], () => {
    return list((life.lists.get(life.here(key)) ?? []).map(bulk));
  });
}

function pop(life: Life): Deed {
  const key = life.key('l');
  return deed(['LPOP', key], () => {
    const value = life.lists.get(life.here(key))?.shift();
    return value === undefined ? life.nil : bulk(value);
  });
}

function script(life: Life): Deed {
  const [key, value] = [life.key('v'), life.value()];
  const text = "redis.call('SET', KEYS[1], ARGV[1]) return {ARGV[1], redis.call('GET', KEYS[1])}";
  return deed(['EVAL', text, 1, key, value], () => {
    life.values.set(life.here(key), value);
    return list([bulk(value), bulk(value)]);
  });
}

function echo(life: Life): Deed {
  const value = life.value();
  return says(bulk(value), 'ECHO', value);
}

const data = [set, set, get, get, push, range, pop, script];

/** Keys of the whole tenant: whatever comes, it is never another tenant's. */
const shared: Move = (life) => {
  const key = `${life.pick(['', '{a}'])}shared:${life.below(4)}`;
  const other = `shared:${life.below(4)}`;
  return life.pick<Deed[]>([
    [any('SET', key, life.value())],
    [any('GET', key), any('GET', other)],
    [any('MGET', key, other, 'shared:1')],
    [any('APPEND', key, life.mark), any('STRLEN', key), any('SET', key, life.value())],
    [any('SET', key, life.value()), any('RANDOMKEY')],
    [any('SCAN', 0, 'COUNT', 50), any('DBSIZE')],
    [any('CLIENT', 'LIST')],
  ]);
};

const pipeline: Move = (life) => {
  return Array.from({ length: 1 + life.below(12) }, () => life.pick([...data, echo])(life));
};

/** Outside MULTI: WATCH may not stand inside. */
const transaction: Move = (life) => {
  const deeds: Deed[] = [];
  const sharedKey = `shared:${life.below(4)}`;
  // One slot: a cluster takes nothing else in one transaction.
  const key = `{tx}${life.mark}`;
  const value = life.value();
  const roll = life.random();
  if (roll < 0.2) {
    deeds.push(watch(life, key, 'untouched'));
    if (life.random() < 0.5) deeds.push(touch(life, key));
  } else if (roll < 0.3) {
    deeds.push(watch(life, `{tx}${sharedKey}`, 'shared'));
  } else if (roll < 0.4) {
    deeds.push(any('SET', `{tx}${sharedKey}`, value));
  }
  deeds.push(multi(life));
  // Where EXEC may do nothing, nobody knows what it left of the session itself.
  const mayChoose = roll < 0.2 || roll >= 0.3;
  for (let left = life.below(6); left > 0; left -= 1) {
    const own = life.value();
    const data = [() => setIn(life, key, own), () => getIn(life, key)];
    const self = [() => giveName(life), () => askName(life), () => choose(life)];
    deeds.push(life.pick(mayChoose ? [...data, ...data, ...self] : data)());
  }
  deeds.push(life.random() < 0.85 ? exec(life) : discard(life));
  return deeds;
};

function watch(life: Life, key: string, kind: 'untouched' | 'shared'): Deed {
  return deed(['WATCH', key], () => {
    life.watch = kind;
    return ok;
  });
}

function touch(life: Life, key: string): Deed {
  const value = life.value();
  return deed(['SET', key, value], () => {
    life.values.set(life.here(key), value);
    if (life.watch === 'untouched') life.watch = 'touched';
    return ok;
  });
}

function multi(life: Life): Deed {
  return deed(['MULTI'], () => {
    life.queue = [];
    return ok;
  });
}

function setIn(life: Life, key: string, value: string): Deed {
  return deed(['SET', key, value], () => {
    life.values.set(life.here(key), value);
    return ok;
  });
}

function getIn(life: Life, key: string): Deed {
  return deed(['GET', key], () => held(life, key));
}

function exec(life: Life): Deed {
  return deed(['EXEC'], () => {
    const { watch: watched, queue } = life;
    life.queue = null;
    life.watch = 'nothing';
    if (watched === 'touched') return life.protocol === 3 ? '_\r\n' : '*-1\r\n';
    const done = (queue ?? []).map((one) => one.execute());
    // Whether it was executed another life may have decided.
    if (watched === 'shared') {
      for (const { command } of queue ?? []) life.values.set(life.here(String(command[1])), null);
      return /^(?:\*|_)/;
    }
    return done.includes(null) ? /^\*/ : list(done.map(String));
  });
}

function discard(life: Life): Deed {
  return deed(['DISCARD'], () => {
    life.queue = null;
    life.watch = 'nothing';
    return ok;
  });
}

function giveName(life: Life): Deed {
  const own = `${life.mark}${life.below(9)}`;
  return deed(['CLIENT', 'SETNAME', own], () => {
    life.name = own;
    return ok;
  });
}

function askName(life: Life): Deed {
  return deed(['CLIENT', 'GETNAME'], () => (life.name === null ? life.nil : bulk(life.name)));
}

const name: Move = (life) => {
  return life.pick([[giveName(life), askName(life)], [askName(life)]]);
};

function choose(life: Life): Deed {
  if (life.place.databases === 1) return says(ok, 'SELECT', 0);
  const database = life.below(life.place.databases);
  return deed(['SELECT', database], () => {
    life.database = database;
    return ok;
  });
}

const select: Move = (life) => {
  const chosen = choose(life);
  return life.place.databases === 1 ? [chosen] : [chosen, set(life), get(life)];
};

/** Subscriptions would move along, and hear nothing while they do. */
const elsewhere: Move = (life) => {
  const { elsewhere: ways } = life.place;
  if (ways === null || life.channels.size > 0) return [get(life)];
  const [way, database] = life.database === 0 ? [ways.go, awayDatabase] : [ways.back, 0];
  const go = deed(way, () => {
    life.database = database;
    return ok;
  });
  return [go, set(life), get(life)];
};

const block: Move = (life) => {
  const key = life.key('l');
  const wait = deed(['BLPOP', key, '0.03'], () => {
    const value = life.lists.get(life.here(key))?.shift();
    if (value === undefined) return life.protocol === 3 ? '_\r\n' : '*-1\r\n';
    return list([bulk(key), bulk(value)]);
  });
  return life.random() < 0.5 ? [wait, get(life)] : [push(life), wait];
};

/** Sent between OFF and ON: executed, and not answered. */
const silence: Move = (life) => {
  const quiet = ({ command, execute }: Deed): Deed => {
    return deed(command, () => {
      execute();
      return nothing;
    });
  };
  if (life.random() < 0.5) {
    return [says(nothing, 'CLIENT', 'REPLY', 'SKIP'), quiet(set(life)), get(life)];
  }
  const hidden = [quiet(set(life)), quiet(get(life)), quiet(push(life))];
  return [says(nothing, 'CLIENT', 'REPLY', 'OFF'), ...hidden, says(ok, 'CLIENT', 'REPLY', 'ON')];
};

/** Own keys only are written by this life, so every invalidation it hears is its own doing. */
const tracking: Move = (life) => {
  if (life.protocol === 2) return [get(life)];
  return [
    any('CLIENT', 'TRACKING', 'ON'),
    get(life),
    get(life),
    set(life),
    any('CLIENT', 'TRACKING', life.pick(['ON', 'OFF'])),
  ];
};

const identity: Move = (life) => {
  const ask = deed(['CLIENT', 'ID'], () => (life.id === null ? /^:\d+\r\n$/ : life.id));
  const login = life.place.login;
  const who = login === null ? [] : [says(ok, ...login)];
  return [ask, ...who, get(life)];
};

const moves: readonly (readonly [number, Move])[] = [
  [8, pipeline],
  [6, shared],
  [6, transaction],
  [3, name],
  [3, select],
  [2, elsewhere],
  [3, block],
  [2, silence],
  [2, tracking],
  [3, subscribe],
  [3, publish],
  [1, identity],
];

export function drawMove(life: Life): readonly Deed[] {
  let ticket = life.below(moves.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, move] of moves) {
    ticket -= weight;
    if (ticket < 0) return move(life);
  }
  throw new Error('invariant: the weights add up');
}

/** Nothing of whoever had the server's connection before may show. */
export function audit(life: Life): readonly Deed[] {
  return [
    says('+PONG\r\n', 'PING'),
    says(life.nil, 'CLIENT', 'GETNAME'),
    says('-ERR EXEC without MULTI\r\n', 'EXEC'),
    says(/ db=0 sub=0 psub=0 ssub=0 multi=-1 /, 'CLIENT', 'INFO'),
    says(':0\r\n', 'EXISTS', onlyElsewhere),
    get(life),
    multi(life),
    setIn(life, `{tx}${life.mark}`, life.value()),
    exec(life),
    says(/\$5\r\nflags\r\n(?:\*|~)1\r\n\$3\r\noff\r\n/, 'CLIENT', 'TRACKINGINFO'),
  ];
}
