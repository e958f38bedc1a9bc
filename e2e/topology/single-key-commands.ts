/**
 * Every single-key command of Redis 7.0 at least once, in an order that gives the same replies each
 * time.
 */
import type { Argument } from './raw-client.ts';

/**
 * One command a line. Words are separated by blanks; `\\xNN` is a byte. Keys need no unusual name:
 * the tests put them into different tenants, slots and servers.
 */
const script = String.raw`
SET s value
GET s
GETSET s other
GETEX s
GETRANGE s 0 2
SUBSTR s 1 3
SETRANGE s 5 -tail
STRLEN s
APPEND s +more
GETDEL s
GET s
SET s bin\x00\x0d\x0a\xff NX
SET s again NX
SET s last XX GET
SETNX s no
SETEX timed 10000 v
PSETEX timed 10000000 w
PERSIST timed
TTL timed
PTTL timed
EXPIRE timed 5000
PEXPIRE timed 6000000 GT
EXPIREAT timed 4102444800
EXPIRETIME timed
PEXPIREAT timed 4102444800123
PEXPIRETIME timed
TTL missing
PTTL missing
INCR n
INCRBY n 41
DECR n
DECRBY n 2
INCRBYFLOAT n 0.5
INCR s
SETBIT bits 7 1
GETBIT bits 7
BITCOUNT bits
BITCOUNT bits 0 0 BYTE
BITPOS bits 1
BITFIELD bits INCRBY u8 0 3 GET u4 0
BITFIELD_RO bits GET u8 0
LPUSH l c b a
RPUSH l d e
LPUSHX l 0
RPUSHX missing x
LRANGE l 0 -1
LLEN l
LINDEX l 1
LSET l 1 A
LINSERT l BEFORE A before
LPOS l d
LREM l 1 before
LTRIM l 0 3
LPOP l
RPOP l 2
LRANGE l 0 -1
LSET missing 0 x
HSET h f1 v1 f2 v2
HMSET h f3 v3
HGET h f1
HMGET h f1 none f3
HGETALL h
HKEYS h
HVALS h
HLEN h
HSTRLEN h f1
HEXISTS h f2
HSETNX h f2 no
HINCRBY h count 3
HINCRBYFLOAT h count 0.25
HSCAN h 0
HDEL h f1 f2 f3
HRANDFIELD h
GET h
SADD set only
SADD ints 3 1 2
SCARD ints
SMEMBERS ints
SISMEMBER ints 2
SMISMEMBER ints 2 9
SSCAN ints 0
SRANDMEMBER set
SORT ints DESC
SORT_RO ints LIMIT 0 2
SREM ints 3
SPOP set
ZADD z 1 one 2 two 3 three
ZADD z GT CH 5 two
ZCARD z
ZCOUNT z 1 3
ZINCRBY z 1.5 one
ZSCORE z one
ZMSCORE z one none
ZRANGE z 0 -1 WITHSCORES
ZREVRANGE z 0 1
ZRANGEBYSCORE z (1 +inf
ZREVRANGEBYSCORE z +inf 2
ZRANK z two
ZREVRANK z two
ZSCAN z 0
ZADD lex 0 a 0 b 0 c 0 d
ZLEXCOUNT lex - +
ZRANGEBYLEX lex [a (c
ZREVRANGEBYLEX lex + [b
ZREMRANGEBYLEX lex [a [a
ZREMRANGEBYRANK lex 0 0
ZREMRANGEBYSCORE lex 5 6
ZPOPMIN z
ZPOPMAX z
ZRANDMEMBER z
ZREM z three
GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEODIST geo Palermo Catania km
GEOHASH geo Palermo Catania
GEOPOS geo Palermo none
GEORADIUS geo 15 37 200 km ASC
GEORADIUS_RO geo 15 37 200 km WITHDIST ASC
GEORADIUSBYMEMBER geo Palermo 100 km
GEORADIUSBYMEMBER_RO geo Palermo 200 km DESC
GEOSEARCH geo FROMMEMBER Palermo BYRADIUS 200 km ASC WITHCOORD
PFADD hll a b c
XADD x 1-1 field value
XADD x 2-1 field value2
XADD x 3-1 field value3
XLEN x
XRANGE x - +
XREVRANGE x + - COUNT 1
XDEL x 2-1
XTRIM x MAXLEN 1
XGROUP CREATE x group 0
XGROUP CREATECONSUMER x group consumer
XGROUP DELCONSUMER x group consumer
XGROUP SETID x group $
XINFO GROUPS x
XINFO CONSUMERS x group
XINFO STREAM x
XPENDING x group
XACK x group 1-1
XCLAIM x group someone 0 9-9
XAUTOCLAIM x group someone 0 0
XSETID x 10-1
XGROUP DESTROY x group
OBJECT ENCODING ints
OBJECT REFCOUNT ints
OBJECT IDLETIME missing
OBJECT FREQ missing
MEMORY USAGE missing
TYPE h
TYPE missing
DUMP n
EXISTS s
TOUCH s
DEL s
UNLINK l
`;

export interface Sample {
  /** Lower case; of a container with its subcommand, as COMMAND names it: `xgroup|create`. */
  readonly name: string;
  readonly args: readonly [string, ...Argument[]];
}

const containers = new Set(['XGROUP', 'XINFO', 'OBJECT', 'MEMORY']);

/** The script, parsed. */
export function singleKeySamples(): Sample[] {
  return script
    .trim()
    .split('\n')
    .map((line) => {
      const [command = '', ...rest] = line.split(' ');
      const isContainer = containers.has(command);
      const name = isContainer ? `${command}|${rest[0] ?? ''}` : command;
      return { name: name.toLowerCase(), args: [command, ...rest.map(unescaped)] };
    });
}

/** Single-key by Redis's table, and why the script leaves them out. */
export const leftOut: Readonly<Record<string, string>> = {
  move: 'leaves the database; tested where tenants are confined',
  restore: 'needs a payload; tested with the one DUMP gave',
  'restore-asking': 'sent by servers to each other',
  pfdebug: 'for debugging Redis itself',
  pfselftest: 'for debugging Redis itself',
  spublish: 'its key is a channel',
  watch: 'owns a connection; not a plain single-key command',
};

function unescaped(word: string): Argument {
  if (!word.includes('\\x')) return word;
  const text = word.replace(/\\x(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(text, 'latin1');
}
