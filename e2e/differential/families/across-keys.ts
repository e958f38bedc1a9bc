/** Commands with several keys that depend on each other: natively in one slot, else by the proxy. */
import { readLines } from '../grammar.ts';

/** All of its keys or none. */
export const allOrNothing = readLines(`
  2 MSETNX { <s> <value> }3
  DEL <s>
`);

export const stringsAcross = readLines(`
  3 LCS <s> <s> [ LEN | IDX [ WITHMATCHLEN ] [ MINMATCHLEN <count> ] ]
  4 BITOP ( AND | OR | XOR ) <b> { <b> }3
  BITOP NOT <b> <b>
`);

export const listsAcross = readLines(`
  2 RPOPLPUSH <l> <l>
  3 LMOVE <l> <l> ( LEFT | RIGHT ) ( LEFT | RIGHT )
  3 RPUSH <l> { <element> }4
`);

/** Their replies name the key that gave. */
export const popsNamingKeys = readLines(`
  2 LMPOP <#l> ( LEFT | RIGHT ) [ COUNT <plus> ]
  2 ZMPOP <#z> ( MIN | MAX ) [ COUNT <plus> ]
`);

export const setsAcross = readLines(`
  2 SUNION { <u> }4
  2 SINTER { <u> }3
  2 SDIFF { <u> }3
  2 SUNIONSTORE <u> { <u> }4
  2 SINTERSTORE <u> { <u> }3
  2 SDIFFSTORE <u> { <u> }3
  2 SINTERCARD <#u> [ LIMIT <count> ]
  2 SMOVE <u> <u> <member>
  3 SADD <u> { <member> }6
`);

export const sortedSetsAcross = readLines(`
  2 ZUNION <#z> [ WEIGHTS <weights> ] [ AGGREGATE ( SUM | MIN | MAX ) ] [ WITHSCORES ]
  2 ZINTER <#z> [ WEIGHTS <weights> ] [ AGGREGATE ( SUM | MIN | MAX ) ] [ WITHSCORES ]
  2 ZDIFF <#z> [ WITHSCORES ]
  2 ZUNIONSTORE <z> <#z> [ WEIGHTS <weights> ] [ AGGREGATE ( SUM | MIN | MAX ) ]
  2 ZINTERSTORE <z> <#z> [ WEIGHTS <weights> ] [ AGGREGATE ( SUM | MIN | MAX ) ]
  2 ZDIFFSTORE <z> <#z>
  ZUNIONSTORE <z> <#u> [ WEIGHTS <weights> ]
  ZINTER 2 <z> <u> WITHSCORES
  2 ZINTERCARD <#z> [ LIMIT <count> ]
  2 ZRANGESTORE <z> <z> <index> <index> [ REV ]
  ZRANGESTORE <z> <z> <range> <range> BYSCORE [ LIMIT <index> <signed> ]
  ZRANGESTORE <x> <x> <lex> <lex> BYLEX
  2 ZADD <z> { <score> <member> }6
`);

export const sketchesAcross = readLines(`
  3 PFCOUNT { <p> }4
  3 PFMERGE <p> { <p> }3
  3 PFADD <p> { <member> }8
`);

export const placesAcross = readLines(`
  3 GEOSEARCHSTORE <g> <g> ( FROMMEMBER <place> | FROMLONLAT <longitude> <latitude> ) ( \
    BYRADIUS <radius> <unit> | BYBOX <radius> <radius> <unit> ) [ ASC ] [ COUNT <plus> ]
  GEOSEARCHSTORE <z> <g> FROMLONLAT <longitude> <latitude> BYRADIUS 8000 km STOREDIST
  GEORADIUS <g> <longitude> <latitude> <radius> <unit> ( STORE | STOREDIST ) <g>
  GEORADIUSBYMEMBER <g> <place> <radius> <unit> ( STORE | STOREDIST ) <g>
  2 GEOADD <g> { <longitude> <latitude> <place> }4
`);

export const keysAcross = readLines(`
  2 RENAME <s> <s>
  RENAME <z> <z>
  RENAME <any@1> <any@1>
  RENAME <l> <l>
  2 RENAMENX <u> <u>
  2 COPY <any> <any> [ REPLACE ]
  2 COPY <s> <s> [ REPLACE ]
  2 SET <s> <value>
  SADD <u> { <member> }4
  ZADD <z> { <score> <member> }4
  RPUSH <l> { <element> }4
`);

/** SORT that stores, or follows patterns to other keys. */
export const sortsAcross = readLines(`
  2 SORT <l> [ LIMIT <index> <count> ] [ DESC ] ALPHA STORE <l>
  SORT <i> STORE <l>
  3 SADD <i> { <int> }4
`);

export const sortsByPattern = readLines(`
  ( SORT | SORT_RO ) <i> BY n:* [ GET # ] [ GET s:* ]
  SORT <i> GET # GET s:* GET h:*->f1
  SORT <l> ALPHA BY s:* GET #
  SORT <l> BY nosort GET s:* [ STORE <l> ]
  2 SADD <i> { <small> }4
  2 SET ( n:0 | n:1 | n:2 | n:3 | n:4 | s:1 | s:2 | s:3 ) <int>
`);
