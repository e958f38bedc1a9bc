/** The connection and its protocol: answers about oneself, refusals, help texts. */
import { readLines } from '../grammar.ts';

export const connection = readLines(`
  3 PING
  2 PING <value>
  3 ECHO <value>
  SELECT 0
  2 CLIENT SETNAME <field>
  2 CLIENT GETNAME
  ! CLIENT ID
  ! HELLO
`);

/** What a connection may ask about itself besides. */
export const connectionState = readLines(`
  CLIENT NO-EVICT ( on | off | perhaps )
  CLIENT TRACKINGINFO
  CLIENT GETREDIR
  CLIENT CACHING ( yes | no )
  CLIENT UNBLOCK 999999999
  CLIENT KILL ID 999999999
  ! TIME
  ! WAIT 0 1
  ACL WHOAMI
  ACL CAT [ ( scripting | nonsense ) ]
`);

/** The server's own table of commands. */
export const commandTable = readLines(`
  COMMAND GETKEYS SET <s> <value>
  COMMAND GETKEYS MSET { <s> <value> }3
  COMMAND GETKEYS ZUNIONSTORE <z> <#z>
  COMMAND GETKEYS ( EVAL | XREAD | SORT | PING | NOSUCH ) { <s> }3
  COMMAND GETKEYSANDFLAGS ( SET | LMOVE | COPY | GET ) <s> <s> <field>
  COMMAND INFO { ( get | SET | xgroup | nosuch | sort ) }2
  COMMAND LIST FILTERBY ( PATTERN z* | ACLCAT geo | MODULE none )
  COMMAND DOCS ( get | lmove | nosuch )
  COMMAND COUNT
  COMMAND LIST FILTERBY NONSENSE
`);

/** Of a tenant that has a server of its own; every program is in database 0 between its steps. */
export const databases = readLines(`
  ! SELECT ( 1 | 9 | 15 ) ; SET <s> <value> ; INCR <n> ; DBSIZE ; SELECT 0
  ! SELECT ( 1 | 9 ) ; GET <s> ; DEL <s> ; GET <n> ; SELECT 0
  ! MOVE <any> ( 1 | 9 )
  ! COPY <any> <any> DB ( 1 | 9 ) [ REPLACE ]
  SELECT ( 16 | -1 | x )
`);

/**
 * Always wrong, in every way there is: arity, type, syntax, number, unknown. The cursor of HSCAN
 * stays what it is: what a made-up number finds depends on the seed each server hashes with.
 */
const wrong = `
  2 LPUSH <s> <value>
  2 INCR <h>
  HGET <l> <field>
  ZADD <u> 1 <member>
  XADD <z> 1-1 a b
  GETRANGE <h> 0 -1
  PFADD <s> <member>
  GEOADD <z> 200 100 <place>
  GET
  SET <s>
  HSET <h> <field>
  ZADD <z> <member> <score>
  EXPIRE <any> soon
  SET <s> <value> EX 0
  LINSERT <l> NEAR <element> <element>
  BITFIELD <b> SET u64 0 1
  XADD <t> 0-0 a b
  ZRANGEBYLEX <x> a b
  OBJECT NONSENSE <any>
  XGROUP NONSENSE <t>
  ! HSCAN <h> nocursor
  2 <text> <value> <value>
  <text>
  RESTORE <any> 0 <value>
`;

export const mistakes = readLines(`
  ${wrong}
  MSET <s> <value> <s>
  CLIENT SETNAME <value>
  HELLO ( 4 | x | 1 )
`);

/** For a transaction: refused at once, or with EXEC. */
export const queuedMistakes = readLines(`
  ${wrong}
  CLIENT
  CLIENT NONSENSE
  SELECT
`);

/** For a transaction: what a server says of itself and the connection in EXEC's reply. */
export const queuedTalk = readLines(`
  2 PING [ <value> ]
  2 ECHO <value>
  2 SELECT ( 0 | 99 | -1 | x )
  3 CLIENT SETNAME <field>
  3 CLIENT GETNAME
  CLIENT SETNAME <value>
  CLIENT ID
  CLIENT NO-EVICT ( on | off | perhaps )
  CLIENT TRACKINGINFO
  CLIENT GETREDIR
  CLIENT UNBLOCK 999999999
  CLIENT KILL ID 999999999
  HELLO
  HELLO ( 4 | x )
  TIME
  MONITOR
  SSUBSCRIBE <field>
  ACL CAT [ ( scripting | nonsense ) ]
  COMMAND GETKEYS ( SET | PING | NOSUCH ) <s> <value>
  COMMAND INFO { ( get | SET | nosuch ) }2
  COMMAND DOCS ( get | nosuch )
`);

export const helpTexts = readLines(`
  XGROUP HELP
  XINFO HELP
  OBJECT HELP
`);

export const moreHelpTexts = readLines(`
  ! ( ACL | CLIENT | COMMAND | FUNCTION | LATENCY | MEMORY ) HELP
  ! ( PUBSUB | SCRIPT | SLOWLOG ) HELP
`);
