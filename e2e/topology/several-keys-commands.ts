/** Commands over several keys, in an order that gives the same replies each time, errors among them. */
import type { Argument } from './raw-client.ts';

/** One command a line, words separated by blanks. No two keys but the tagged ones share a slot. */
const script = `
SADD s1 a b c
SADD s2 c d
SADD s3 c
SET text abc
SET other abd
SUNION s1 s2 s3 nope
SINTER s1 s2 s3
SINTER s1 nope
SINTER nope text
SDIFF s1 s2
SDIFF nope s1
SUNION s1 text
SINTERCARD 2 s1 s2
SINTERCARD 3 s1 s2 s3 LIMIT 1
SINTERCARD 2 s1 text
SINTERCARD 0 s1
SINTERCARD x s1
SINTERCARD 3 s1 s2
SINTERCARD 2 s1 s2 LIMIT -1
SINTERCARD 2 s1 s2 FOO
SUNIONSTORE to s1 s2
SMEMBERS to
SINTERSTORE to s1 s2
SMEMBERS to
SDIFFSTORE to s1 s2 s3
SCARD to
SDIFFSTORE to s3 s1
EXISTS to
SUNIONSTORE to s1 text
SUNIONSTORE text s1 s1
TYPE text
SET text abc
SMOVE s1 s2 a
SMOVE s1 s2 zz
SMOVE nope text a
SMOVE s1 text a
SMOVE s1 text zz
SMOVE text s1 a
SMOVE s2 made d
SCARD s1
SCARD s2
SMEMBERS made
ZADD z1 1 a 2.1 b 0.1 c
ZADD z2 3 a 0.2 c inf d
ZADD z3 -inf d 1e300 e 5e-324 f
ZUNION 2 z1 z2
ZUNION 2 z1 z2 WITHSCORES
ZUNION 3 z1 z2 z3 WITHSCORES
ZUNION 3 z1 z2 s1 WEIGHTS 0.1 3 7 AGGREGATE MAX WITHSCORES
ZUNION 2 z2 z3 WEIGHTS 0 0 WITHSCORES
ZINTER 2 z1 z2 WITHSCORES
ZINTER 2 z1 z2 AGGREGATE MIN WITHSCORES
ZINTER 2 z1 nope WITHSCORES
ZDIFF 2 z1 z2 WITHSCORES
ZDIFF 2 z1 s1
ZINTERCARD 2 z1 z2
ZINTERCARD 2 z1 z2 LIMIT 1
ZUNION 2 z1 text
ZUNION 2 z1 z2 WEIGHTS 1
ZUNION 2 z1 z2 WEIGHTS 1 x
ZUNION 2 z1 z2 AGGREGATE AVG
ZUNION 0 z1
ZUNION x z1
ZUNION 9 z1 z2
ZINTERCARD 0 z1
ZUNIONSTORE zto 2 z1 z2
ZRANGE zto 0 -1 WITHSCORES
ZINTERSTORE zto 3 z1 z2 s1
ZRANGE zto 0 -1 WITHSCORES
ZDIFFSTORE zto 2 z1 z2
ZRANGE zto 0 -1 WITHSCORES
ZDIFFSTORE zto 2 z1 z1
EXISTS zto
ZUNIONSTORE zto 0 z1
ZUNIONSTORE z1 2 z1 z2 WEIGHTS 2 2
ZRANGE z1 0 -1 WITHSCORES
ZRANGESTORE zr z1 0 1
ZRANGE zr 0 -1 WITHSCORES
ZRANGESTORE zr z1 (1 +inf BYSCORE LIMIT 0 2
ZRANGE zr 0 -1 WITHSCORES
ZRANGESTORE zr nope 0 1
EXISTS zr
ZRANGESTORE zr text 0 1
ZRANGESTORE zr z1 a b
ZRANGESTORE text z1 0 0
TYPE text
SET text abc
PFADD h1 a b c
PFADD h2 c d e
PFCOUNT h1 h2
PFCOUNT h1 nope
PFCOUNT h1 text
PFMERGE h3 h1 h2
PFCOUNT h3
PFMERGE h3 nope
PFMERGE h3 text
BITOP XOR bits text other
GET bits
BITOP AND bits text other nope
BITOP OR bits text other
BITOP NOT bits text
BITOP NOT bits text other
BITOP FOO bits text other
BITOP AND bits text s1
BITOP AND bits nope nope2
EXISTS bits
LCS text other
LCS text other LEN
LCS text other IDX
LCS text other IDX MINMATCHLEN 4 WITHMATCHLEN
LCS text other LEN IDX
LCS text other FOO
LCS text nope
LCS text s1
RENAME text moved
GET moved
EXISTS text
RENAME nope moved
RENAME moved text
SET short x EX 1000
RENAME short text
TTL text
RENAMENX text s1
RENAMENX text fresh
TTL fresh
RENAMENX nope s1
RENAME fresh s3
TYPE s3
SET text abc
COPY text copied
COPY text copied
COPY other copied REPLACE
GET copied
COPY nope copied
COPY z1 copied replace
TYPE copied
COPY text copied FOO
COPY text copied DB
RPUSH l1 1 2 3 4 5
RPUSH l2 9
LMOVE l1 l2 LEFT RIGHT
LMOVE l1 l2 right left
LMOVE l1 l2 LEFT FOO
LMOVE nope text LEFT LEFT
LMOVE l1 text LEFT LEFT
LMOVE text l1 LEFT LEFT
RPOPLPUSH l1 l2
RPOPLPUSH l1 text
RPOPLPUSH nope text
RPOPLPUSH text l1
RPOPLPUSH l2 l3
LRANGE l1 0 -1
LRANGE l2 0 -1
LRANGE l3 0 -1
LMPOP 2 nope l1 LEFT
LMPOP 2 nope l2 RIGHT COUNT 2
LMPOP 2 nope nope2 LEFT
LMPOP 2 nope text LEFT
LMPOP 2 l2 text LEFT
LMPOP 2 nope l1 MIDDLE
LMPOP 2 nope l1 LEFT COUNT 0
LMPOP 0 l1 LEFT
LMPOP x l1 LEFT
LMPOP 2 l1 nope
ZMPOP 2 nope z1 MAX
ZMPOP 3 nope nope2 z2 MIN COUNT 2
ZMPOP 2 nope nope2 MIN
ZMPOP 2 nope text MIN
ZMPOP 0 z1 MIN
ZMPOP 2 z1 nope
XGROUP CREATE x1 g 0 MKSTREAM
XGROUP CREATE x2 g 0 MKSTREAM
XADD x1 1-1 f v
XREADGROUP GROUP g c STREAMS x1 nope > >
XREADGROUP GROUP g c STREAMS x1 text > >
XREADGROUP GROUP g c STREAMS x1 x2 > bad
XREADGROUP GROUP g c STREAMS x1 x2 > >
XPENDING x1 g
RPUSH nums 3 1 2 10
MSET w_1 5 w_2 3 w_3 9 w_10 1 o_1 one o_2 two o_3 three
HSET h_1 f 1 g x
HSET h_2 f 0x10
HSET h_10 f 0
SORT nums BY w_*
SORT nums BY w_* DESC GET # GET o_* GET nothing
SORT nums BY w_* LIMIT 1 2
SORT nums BY w_* LIMIT 9 2
SORT nums BY w_* LIMIT -5 2
SORT nums BY w_* LIMIT 1 -1
SORT nums BY nosort
SORT nums BY nosort GET o_*
SORT nums BY nosort DESC GET # LIMIT 1 2
SORT nums BY nosort BY w_* GET o_*
SORT nums BY h_*->f GET h_*->g GET #
SORT nums BY h_*->f ALPHA GET #
SORT nums BY o_* ALPHA DESC GET #
SORT nums BY o_*
SORT nums BY w_1 GET o_*
SORT nums GET o_* DESC
SORT nums GET o_* LIMIT a b
SORT nums GET o_* LIMIT 1
SORT nums GET o_* FOO
SORT nums GET
SORT nums BY
SORT nope GET o_*
SORT text GET o_*
SORT nums BY w_* GET o_* STORE sorted
LRANGE sorted 0 -1
SORT nums STORE sorted
LRANGE sorted 0 -1
SORT nums DESC LIMIT 1 2 STORE sorted
LRANGE sorted 0 -1
SORT s2 ALPHA STORE sorted
LRANGE sorted 0 -1
SADD wide 5 4 3 x
SORT wide BY nosort GET # STORE sorted
LRANGE sorted 0 -1
SORT wide GET o_*
SORT z1 BY nosort GET #
SORT z1 BY nosort DESC GET # LIMIT 0 1
SORT nope BY w_* STORE sorted
EXISTS sorted
SORT nope STORE sorted
SORT text STORE sorted
SORT_RO nums BY w_* GET #
SORT_RO nums BY w_* STORE sorted
GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEOSEARCHSTORE gto geo FROMLONLAT 15 37 BYRADIUS 200 km ASC
ZRANGE gto 0 -1 WITHSCORES
GEOSEARCHSTORE gto geo FROMLONLAT 15 37 BYRADIUS 200 km ASC COUNT 1 STOREDIST
ZRANGE gto 0 -1 WITHSCORES
GEOSEARCHSTORE gto geo FROMLONLAT 15 37 BYRADIUS 1 km
EXISTS gto
GEOSEARCHSTORE gto text FROMLONLAT 15 37 BYRADIUS 1 km
GEOSEARCHSTORE gto geo FROMMEMBER nobody BYRADIUS 1 km
GEORADIUS geo 15 37 200 km STORE gto
ZCARD gto
GEORADIUS geo 15 37 200 km STOREDIST gto
ZRANGE gto 0 -1 WITHSCORES
GEORADIUSBYMEMBER geo Palermo 200 km STORE gto
ZCARD gto
GEORADIUS geo 15 37 200 km WITHDIST STORE gto
GEORADIUS geo 15 37 200 km STORE
{t}1 is no command
MSETNX {t}1 a {t}2 b
MSETNX {t}2 a {t}3 b
OBJECT ENCODING nums
OBJECT FREQ nums
MEMORY USAGE nope
DUMP nope
RESTORE restored 0 xx
RANDOMKEY extra
DBSIZE extra
KEYS
KEYS *m?
KEYS s[123]
KEYS nothing*
SCAN 0 FOO
SCAN 0 COUNT
SCAN 0 COUNT 0
SCAN 0 COUNT x
SCAN x
FLUSHDB FOO
FLUSHALL SYNC ASYNC
DBSIZE
FLUSHDB SYNC
DBSIZE
RANDOMKEY
KEYS *
`;

/** Replies that are lists in no order. */
const unordered = new Set(['SUNION', 'SINTER', 'SDIFF', 'SMEMBERS', 'KEYS']);

export interface SeveralKeysSample {
  readonly args: readonly [string, ...Argument[]];
  readonly unordered: boolean;
}

export function severalKeysSamples(): SeveralKeysSample[] {
  return script
    .trim()
    .split('\n')
    .map((line) => {
      const args = line.split(' ') as [string, ...string[]];
      return { args, unordered: unordered.has(args[0]) };
    });
}
