/** Sets, sorted sets, streams, places: commands on one key. */
import { readLines } from '../grammar.ts';

export const sets = readLines(`
  5 SADD <u> { <member> }4
  3 SADD <i> { <int> }4
  2 SREM <u> { <member> }3
  SREM <i> { <int> }3
  2 SCARD <u>
  2 SISMEMBER <u> <member>
  2 SMISMEMBER <u> { <member> }4
  4 SMEMBERS <u>
  ! SMEMBERS <u@1> ; SRANDMEMBER <u@1> [ <signed> ]
  ! SMEMBERS <u@1> ; SPOP <u@1> [ <count> ] ; DEL <u@1>
  ! SPOP <u> 100000
  SORT <i> [ LIMIT <index> <count> ] [ ASC | DESC ]
  SORT <u> [ LIMIT <index> <count> ] [ ASC | DESC ] ALPHA
`);

export const sortedSets = readLines(`
  7 ZADD <z> [ NX | XX ] [ GT | LT ] [ CH ] { <score> <member> }4
  4 ZADD <z> { <score> <member> }6
  ZADD <z> [ NX | XX ] INCR <score> <member>
  2 ZINCRBY <z> <score> <member>
  ZCARD <z>
  2 ZCOUNT <z> <range> <range>
  2 ZSCORE <z> <member>
  ZMSCORE <z> { <member> }3
  2 ( ZRANK | ZREVRANK ) <z> <member>
  3 ZRANGE <z> <index> <index> [ REV ] [ WITHSCORES ]
  2 ZRANGE <z> <range> <range> BYSCORE [ REV ] [ LIMIT <index> <signed> ] [ WITHSCORES ]
  ZREVRANGE <z> <index> <index> [ WITHSCORES ]
  2 ( ZRANGEBYSCORE | ZREVRANGEBYSCORE ) <z> <range> <range> [ WITHSCORES ] [ LIMIT <index> \
    <signed> ]
  2 ZREM <z> { <member> }3
  ZREMRANGEBYRANK <z> <index> <small>
  ZREMRANGEBYSCORE <z> <range> <range>
  2 ( ZPOPMIN | ZPOPMAX ) <z> [ <count> ]
  ! ZRANGE <z@1> 0 -1 ; ZRANDMEMBER <z@1> [ <signed> ]
  ! ZRANGE <z@1> 0 -1 WITHSCORES ; ZRANDMEMBER <z@1> <signed> WITHSCORES
  3 ZADD <x> { 0 <member> }5
  2 ( ZRANGEBYLEX | ZREVRANGEBYLEX ) <x> <lex> <lex> [ LIMIT <index> <signed> ]
  ZRANGE <x> <lex> <lex> BYLEX [ REV ] [ LIMIT <index> <signed> ]
  ZLEXCOUNT <x> <lex> <lex>
  ZREMRANGEBYLEX <x> <lex> <lex>
  SORT <x> [ LIMIT <index> <count> ] [ DESC ] ALPHA
`);

export const streams = readLines(`
  9 XADD <t> ( <nextid> | <nextid> | <nextid> | <id> | <partid> ) { <field> <value> }2
  2 XADD <t> [ NOMKSTREAM ] ( MAXLEN [ = ] <small> | MAXLEN ~ <small> [ LIMIT <small> ] | \
    MINID <id> ) <nextid> <field> <value>
  ! XADD <t@1> * <field> <value> ; XLEN <t@1> ; DEL <t@1>
  2 XLEN <t>
  3 XRANGE <t> <sid> <sid> [ COUNT <count> ]
  2 XREVRANGE <t> <sid> <sid> [ COUNT <count> ]
  2 XDEL <t> { <id> }3
  XTRIM <t> ( MAXLEN | MINID ) [ = | ~ ] ( <id> | <small> )
  XSETID <t> <nextid> [ ENTRIESADDED <int> MAXDELETEDID <id> ]
  XINFO STREAM <t>
`);

/** Groups of one stream; their answers name the stream when it or its group is missing. */
export const streamGroups = readLines(`
  4 XGROUP CREATE <t> <group> ( $ | 0 | <id> ) [ MKSTREAM ] [ ENTRIESREAD <int> ]
  XGROUP SETID <t> <group> ( $ | 0 | <id> )
  XGROUP DESTROY <t> <group>
  2 XGROUP CREATECONSUMER <t> <group> <consumer>
  XGROUP DELCONSUMER <t> <group> <consumer>
  2 XADD <t> <nextid> <field> <value>
  3 XACK <t> <group> { <id> }3
  2 XPENDING <t> <group> [ [ IDLE 3600000 ] <sid> <sid> <count> [ <consumer> ] ]
  3 XCLAIM <t> <group> <consumer> ( 0 | 3600000 ) { <id> }4 [ IDLE 7200000 | TIME 1000 ] [ \
    RETRYCOUNT <count> ] [ FORCE ] [ JUSTID ]
  2 XCLAIM <t> <group> <consumer> 0 { <id> }4 FORCE
  2 XAUTOCLAIM <t> <group> <consumer> ( 0 | 3600000 ) ( 0 | <id> ) [ COUNT <plus> ] [ JUSTID ]
  XINFO STREAM <t> FULL [ COUNT <count> ]
  XINFO GROUPS <t>
  XINFO CONSUMERS <t> <group>
`);

/** Their replies name the streams. */
export const streamReads = readLines(`
  3 XREAD [ COUNT <count> ] STREAMS <t> <id>
  4 XREADGROUP GROUP <group> <consumer> [ COUNT <count> ] [ NOACK ] STREAMS <t> ( > | > | <id> )
  XREAD STREAMS <t> $
  2 XREAD [ COUNT <count> ] STREAMS <t> <t> ( <id> | 0 ) <id>
  2 XREADGROUP GROUP <group> <consumer> [ COUNT <count> ] STREAMS <t> <t> ( > | <id> ) >
  XGROUP CREATE <t> <group> 0 MKSTREAM
  XADD <t> <nextid> <field> <value>
`);

export const places = readLines(`
  5 GEOADD <g> [ NX | XX ] [ CH ] { <longitude> <latitude> <place> }4
  2 GEODIST <g> <place> <place> [ <unit> ]
  GEOHASH <g> { <place> }3
  GEOPOS <g> { <place> }3
  2 GEOSEARCH <g> ( FROMMEMBER <place> | FROMLONLAT <longitude> <latitude> ) ( BYRADIUS \
    <radius> <unit> | BYBOX <radius> <radius> <unit> ) [ ASC | DESC ] [ COUNT <plus> [ ANY ] \
    ] [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ]
  ( GEORADIUS | GEORADIUS_RO ) <g> <longitude> <latitude> <radius> <unit> [ WITHCOORD ] [ \
    WITHDIST ] [ WITHHASH ] [ COUNT <plus> ] [ ASC | DESC ]
  ( GEORADIUSBYMEMBER | GEORADIUSBYMEMBER_RO ) <g> <place> <radius> <unit> [ WITHCOORD ] [ \
    WITHDIST ] [ WITHHASH ] [ COUNT <plus> ] [ ASC | DESC ]
  ZREM <g> <place>
`);
