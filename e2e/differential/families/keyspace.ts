/** Keys as such: life time, type, encoding, dump; and commands that take keys of several slots apart. */
import { readLines } from '../grammar.ts';

export const keys = readLines(`
  2 TYPE <any>
  2 EXISTS <any>
  TOUCH <any>
  DEL <any>
  UNLINK <any>
  3 EXPIRE <any> <ttl> [ NX | XX | GT | LT ]
  PEXPIRE <any> <ttlms> [ NX | XX | GT | LT ]
  EXPIREAT <any> <at> [ NX | XX | GT | LT ]
  PEXPIREAT <any> <atms> [ NX | XX | GT | LT ]
  2 TTL <any>
  2 PTTL <any>
  EXPIRETIME <any>
  PEXPIRETIME <any>
  PERSIST <any>
  2 OBJECT ENCODING <any>
  OBJECT REFCOUNT <n>
  OBJECT IDLETIME <any>
  OBJECT FREQ <any>
  MEMORY USAGE <any> [ SAMPLES <count> ]
  2 DUMP <any>
  2 RESTORE <any> ( 0 | <ttlms> ) <payload> [ REPLACE ] [ IDLETIME <small> | FREQ <small> ]
  RESTORE <any> <atms> <payload> ABSTTL REPLACE
`);

export const splitByKey = readLines(`
  6 MGET { <any> }9
  5 MSET { <s> <value> }6
  DEL { <any> }4
  UNLINK { <any> }4
  3 EXISTS { <any> }8
  3 TOUCH { <any> }8
`);

/** Answers about the whole keyspace. */
export const wholeKeyspace = readLines(`
  3 DBSIZE
  3 KEYS <pattern>
`);

export const flushes = readLines(`
  ( FLUSHDB | FLUSHALL ) [ ASYNC | SYNC ]
  4 DBSIZE
`);
