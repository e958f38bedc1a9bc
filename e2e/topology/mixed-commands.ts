/** Random commands whose replies a server's clock, seed and hash order cannot change. */
import type { Argument } from './raw-client.ts';

type Random = () => number;
type Command = readonly [string, ...Argument[]];

/** One random command: about a third split over several keys, a few wrong ones. */
export function mixedCommand(random: Random): Command {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const number = (below: number): number => Math.floor(random() * below);
  const value = (): Argument => randomValue(random, number);
  // Above 64 bytes a hash changes its encoding, and with it to an order of its server's own.
  const small = (): Argument => Buffer.from(String(value()).slice(0, 20));
  const key = (type: string): string =>
    `${pick(['', '{tag}', 'é', 'longer:'])}${type}:${number(40)}`;
  const anyKey = (): string => key(pick(['s', 's', 'n', 'h', 'l', 'z', 'b', 'x', 'u']));
  const many = (make: () => Argument): Argument[] => Array.from({ length: 1 + number(12) }, make);
  const field = (): string => `f${number(6)}`;
  const member = (): string => `m${number(8)}`;
  const score = (): number => number(20) - 5;

  const draws: readonly (readonly [number, () => Command])[] = [
    [6, () => ['MGET', ...many(anyKey)]],
    [4, () => ['MSET', ...many(() => key('s')).flatMap((each) => [each, value()])]],
    [3, () => ['DEL', ...many(anyKey)]],
    [2, () => ['UNLINK', ...many(anyKey)]],
    [4, () => ['EXISTS', ...many(anyKey)]],
    [2, () => ['TOUCH', ...many(anyKey)]],
    [8, () => ['SET', key('s'), value()]],
    [8, () => ['GET', key('s')]],
    [2, () => ['GETSET', key('s'), value()]],
    [1, () => ['GETDEL', key('s')]],
    [2, () => ['APPEND', key('s'), value()]],
    [2, () => ['STRLEN', anyKey()]],
    [1, () => ['SETRANGE', key('s'), number(50), 'patch']],
    [1, () => ['GETRANGE', key('s'), number(9), -1]],
    [3, () => ['INCRBY', key('n'), number(1_000) - 500]],
    [1, () => ['INCRBYFLOAT', key('n'), '0.25']],
    [2, () => ['SETBIT', key('b'), number(300), number(2)]],
    [1, () => ['BITCOUNT', key('b')]],
    [1, () => ['BITFIELD', key('b'), 'INCRBY', 'i5', number(64), 1, 'GET', 'u8', 0]],
    [3, () => ['HSET', key('h'), field(), small(), field(), small()]],
    [2, () => ['HGET', key('h'), field()]],
    [2, () => ['HMGET', key('h'), field(), field()]],
    [2, () => ['HGETALL', key('h')]],
    [1, () => ['HDEL', key('h'), field(), field()]],
    [1, () => ['HINCRBY', key('h'), 'count', number(9)]],
    [3, () => ['RPUSH', key('l'), ...many(value)]],
    [2, () => ['LRANGE', key('l'), number(5), -1]],
    [1, () => ['LPOP', key('l'), number(3)]],
    [1, () => ['RPOP', key('l')]],
    [1, () => ['LTRIM', key('l'), 0, 20]],
    [1, () => ['LINSERT', key('l'), 'AFTER', 'x', 'y']],
    [2, () => ['SADD', key('u'), ...many(() => number(100))]],
    [1, () => ['SMISMEMBER', key('u'), number(100), number(100)]],
    [1, () => ['SREM', key('u'), number(100)]],
    [1, () => ['SCARD', key('u')]],
    [3, () => ['ZADD', key('z'), score(), member(), `${score()}.5`, member()]],
    [2, () => ['ZRANGE', key('z'), 0, -1, 'WITHSCORES']],
    [1, () => ['ZINCRBY', key('z'), '0.5', member()]],
    [1, () => ['ZSCORE', key('z'), member()]],
    [1, () => ['ZPOPMIN', key('z'), 2]],
    [1, () => ['ZRANGEBYSCORE', key('z'), '-inf', '(5', 'LIMIT', 0, 3]],
    [1, () => ['XADD', key('x'), `${1 + number(99)}-${1 + number(9)}`, 'f', value()]],
    [1, () => ['XRANGE', key('x'), '-', '+', 'COUNT', 3]],
    [1, () => ['PFADD', key('p'), member()]],
    [1, () => ['PFCOUNT', key('p')]],
    [1, () => ['GEOADD', key('g'), number(90), number(80), member()]],
    [1, () => ['GEOPOS', key('g'), member(), member()]],
    [2, () => ['TYPE', anyKey()]],
    [1, () => ['PERSIST', anyKey()]],
    [1, () => ['OBJECT', 'ENCODING', key('n')]],
    [2, () => ['ECHO', value()]],
    [1, () => ['PING']],
    [1, () => [pick(['get', 'Get', 'gEt']), key('s')]],
    // Wrong type, wrong arity, wrong number, unknown: errors keep their place among the replies.
    [1, () => ['LPUSH', key('s'), 'x']],
    [1, () => ['GET']],
    [1, () => ['MSET', 'a', 'b', 'c']],
    [1, () => ['MGET']],
    [1, () => ['INCRBY', key('n'), 'no number']],
    [1, () => ['NOSUCHCOMMAND', 'with', 'value']],
  ];
  let ticket = number(draws.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, draw] of draws) {
    ticket -= weight;
    if (ticket < 0) return draw();
  }
  throw new Error('the weights do not add up');
}

function randomValue(random: Random, number: (below: number) => number): Argument {
  const roll = random();
  if (roll < 0.2) return String(number(1_000));
  if (roll < 0.3) return '';
  if (roll < 0.35) return Buffer.alloc(number(20_000), number(256));
  return Buffer.from(Array.from({ length: number(30) }, () => number(256)));
}
