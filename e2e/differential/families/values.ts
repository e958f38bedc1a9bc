/** Strings, numbers, bits, hashes, lists: commands on one key. */
import { readLines } from '../grammar.ts';

export const strings = readLines(`
  8 GET <s>
  9 SET <s> <value> [ EX <ttl> | PX <ttlms> | EXAT <at> | PXAT <atms> | KEEPTTL ] [ NX | XX ] \
    [ GET ]
  SETNX <s> <value>
  SETEX <s> <ttl> <value>
  PSETEX <s> <ttlms> <value>
  2 GETSET <s> <value>
  GETDEL <s>
  GETEX <s> [ EX <ttl> | PX <ttlms> | EXAT <at> | PXAT <atms> | PERSIST ]
  3 APPEND <s> <value>
  2 STRLEN <s>
  2 SETRANGE <s> <offset> <value>
  2 ( GETRANGE | SUBSTR ) <s> <index> <index>
`);

export const numbers = readLines(`
  3 ( INCR | DECR ) <n>
  3 ( INCRBY | DECRBY ) <n> <int>
  2 INCRBYFLOAT <n> <float>
  SET <n> <int>
  GET <n>
`);

export const bitmaps = readLines(`
  4 SETBIT <b> <bit> ( 0 | 1 )
  2 GETBIT <b> <bit>
  2 BITCOUNT <b> [ <index> <index> [ BYTE | BIT ] ]
  2 BITPOS <b> ( 0 | 1 ) [ <index> [ <index> [ BYTE | BIT ] ] ]
  3 BITFIELD <b> { ( GET <bitwidth> <bitplace> | SET <bitwidth> <bitplace> <int> | INCRBY \
    <bitwidth> <bitplace> <int> | OVERFLOW ( WRAP | SAT | FAIL ) ) }4
  BITFIELD_RO <b> { GET <bitwidth> <bitplace> }3
`);

export const hashes = readLines(`
  6 HSET <h> { <field> <value> }4
  HMSET <h> { <field> <value> }4
  3 HGET <h> <field>
  2 HMGET <h> { <field> }4
  3 HGETALL <h>
  HKEYS <h>
  HVALS <h>
  HLEN <h>
  HSTRLEN <h> <field>
  HEXISTS <h> <field>
  HSETNX <h> <field> <value>
  2 HINCRBY <h> <nfield> <int>
  HINCRBYFLOAT <h> <nfield> <float>
  2 HDEL <h> { <field> }3
  ! HKEYS <h@1> ; HRANDFIELD <h@1> [ <signed> ]
  ! HGETALL <h@1> ; HRANDFIELD <h@1> <signed> WITHVALUES
`);

export const lists = readLines(`
  5 ( LPUSH | RPUSH ) <l> { <element> }4
  ( LPUSH | RPUSH ) <l> { <value> }4
  ( LPUSHX | RPUSHX ) <l> { <element> }2
  4 LRANGE <l> <index> <index>
  LRANGE <l> 0 -1
  LLEN <l>
  2 LINDEX <l> <index>
  2 LSET <l> <index> <value>
  2 LINSERT <l> ( BEFORE | AFTER ) <element> <element>
  2 LPOS <l> <element> [ RANK <signed> ] [ COUNT <count> ] [ MAXLEN <count> ]
  LREM <l> <signed> <element>
  LTRIM <l> <signed> <signed>
  2 ( LPOP | RPOP ) <l> [ <count> ]
  SORT <l> [ LIMIT <index> <count> ] [ ASC | DESC ] ALPHA
  ( SORT | SORT_RO ) <l> [ LIMIT <index> <count> ] [ ASC | DESC ]
`);

export const hyperloglogs = readLines(`
  4 PFADD <p> { <member> }8
  PFADD <p>
  2 ! PFCOUNT <p>
`);
