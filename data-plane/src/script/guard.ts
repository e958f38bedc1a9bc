/** Confines a Lua script of a tenant that shares its servers: only keys it declares, only its own. */
import { type CommandFacts, commands, Flag, type KeySpec } from '../command/command.ts';

/**
 * Names by which a script could get at the real `redis` table or at the table of globals, where it
 * stands. Those a server does not have are merely nil twice.
 */
const hidden = [
  '_G',
  'load',
  'loadstring',
  'loadfile',
  'dofile',
  'getfenv',
  'setfenv',
  'debug',
  'require',
  'module',
  'package',
  'newproxy',
  '__redis__err__handler',
];

/** Reaches other keys, databases or channels by its options, or names keys in its reply. */
const kept = new Set(['copy', 'move', 'migrate', 'sort', 'sort_ro', 'lmpop', 'zmpop', 'publish']);
const keyless = ['ping', 'echo', 'time'];
const sortedOut = 'is not open to scripts of a tenant that shares its servers';

/**
 * `body` with a guard in front, on the same line, so that the lines of its errors stay right. Inside,
 * `redis` is a table whose `call` and `pcall` take only commands whose key positions are known, and
 * of keys only the declared ones, which get the tenant's `prefix` (empty where a database separates
 * the tenants); `KEYS` holds the names the client gave. The guard's own functions are locals of a
 * closed function, so nothing the script can write or name leads back to the real ones.
 *
 * A shebang line stays the first. Sound on servers whose Lua libraries are read-only: Redis 7.0 and
 * 6.2.7 on; on others the script ends with an error before its first line.
 * Source: Redis, "Scripting with Lua", "Lua API reference".
 */
export function guardScript(body: Buffer, prefix: Buffer | null): Buffer {
  const text = body.toString('latin1');
  const shebang = /^#![^\n]*\n/.exec(text)?.[0] ?? '';
  const guard = prelude(prefix === null ? '' : prefix.toString('latin1'));
  return Buffer.from(shebang + guard + text.slice(shebang.length), 'latin1');
}

const made = new Map<string, string>();

/** Ends in a semicolon: a body that began with an operator would else go on with the statement. */
function prelude(prefix: string): string {
  let guard = made.get(prefix);
  if (guard === undefined) {
    const names = ['redis', 'KEYS', 'cjson', 'getmetatable', 'collectgarbage', ...hidden].join(',');
    const lines = lua.replace('@prefix', prefix).split('\n');
    const inner = lines.map((line) => line.trim()).join(' ');
    guard = `local ${names}=(function() ${inner} end)(); `;
    if (made.size < preludesMax) made.set(prefix, guard);
  }
  return guard;
}

const preludesMax = 10_000;

type Shape = readonly (readonly number[])[];

/** Where a script's arguments hold keys, by command; equal shapes share a number. */
function shapesOf(): { readonly shapes: readonly Shape[]; readonly names: [string, number][] } {
  const shapes: Shape[] = [[]];
  const names: [string, number][] = keyless.map((name) => [name, 1]);
  const places = new Map<string, number>([['[]', 1]]);
  for (const facts of commands) {
    const shape = shapeOf(facts);
    if (shape === null) continue;
    const key = JSON.stringify(shape);
    let place = places.get(key);
    if (place === undefined) {
      place = shapes.push(shape);
      places.set(key, place);
    }
    names.push([facts.name, place]);
  }
  const parents = new Set(
    names.flatMap(([name]) => (name.includes('|') ? [name.split('|')[0]!] : [])),
  );
  for (const parent of parents) names.push([parent, 0]);
  return { shapes, names };
}

/** Null where the places of all keys cannot be told from a fixed place in the command. */
function shapeOf(facts: CommandFacts): Shape | null {
  const never = Flag.noscript | Flag.pubsub | Flag.admin;
  if (facts.keySpecs.length === 0 || (facts.flags & never) !== 0) return null;
  if (facts.subcommands !== null || kept.has(facts.name)) return null;
  const shape = facts.keySpecs.map(placeOf);
  return shape.includes(null) ? null : (shape as Shape);
}

/** `{first, last, step}` or `{count, first, step, 0}`, argument numbers as Lua counts them. */
function placeOf({ begin, find }: KeySpec): readonly number[] | null {
  if (begin.type !== 'index') return null;
  const first = begin.index + 1;
  if (find.type === 'keynum') return [first + find.count, first + find.first, find.step, 0];
  if (find.type !== 'range' || find.limit > 1) return null;
  // A last key counted from the end: -1 is the last argument itself.
  return [first, find.last < 0 ? find.last : first + find.last, find.step];
}

const { shapes, names } = shapesOf();
const shapeTable = shapes.map((one) => `{${one.map((spec) => `{${spec.join(',')}}`).join(',')}}`);
const commandTable = names.map(([name, place]) => `["${name}"]=${place}`);

/**
 * Every library function is taken before the script runs, and `redis.call` gets what was checked.
 * All scripts of a server share one Lua state: the settings of `cjson`, the metatable of strings and
 * the collector would reach into other tenants' scripts, so a script has its own of the first and
 * cannot get at the others.
 */
const lua = `
local r,K,P=redis,KEYS,"@prefix"
local lower,sub,format=string.lower,string.sub,string.format
local type,tonumber,tostring,select,unpack,error=type,tonumber,tostring,select,unpack,error
local call,pcall,fail=r.call,r.pcall,r.error_reply
if rawequal(pcall,nil) or _G.pcall(rawset,string,"respool",nil) then
error({err="ERR scripts of tenants that share a server need Redis 7.0 or later"}) end
local own,names={},{}
for i=1,#K do local n=sub(K[i],#P+1) names[i]=n own[n]=K[i] end
local S={${shapeTable.join(',')}}
local C={${commandTable.join(',')}}
local function check(a,n)
local c=a[1]
if type(c)~="string" then return "ERR the first argument of redis.call must be a command's name" end
c=lower(c)
local s=C[c]
if s==0 then s=C[c.."|"..lower(type(a[2])=="string" and a[2] or "")] end
if not s or s==0 then return "ERR command '"..c.."' ${sortedOut}" end
a[1]=c
local places=S[s]
for i=1,#places do
local p=places[i]
local first,last,step=p[1],p[2],p[3]
if p[4] then local count=tonumber(a[first])
if not count then return nil end
first,last=p[2],p[2]+count*step-1
elseif last<0 then last=n+1+last end
for k=first,last,step do
local v=a[k]
if type(v)=="number" then v=format("%.17g",v) end
if v~=nil then
local o=own[v]
if not o then return "ERR a script may use only the keys it declares, and '"..tostring(v).."' is not one" end
a[k]=o end
end
end
end
local g={call=function(...) local n=select("#",...) local a={...} local e=check(a,n)
if e then error(fail(e)) end return call(unpack(a,1,n)) end,
pcall=function(...) local n=select("#",...) local a={...} local e=check(a,n)
if e then return fail(e) end return pcall(unpack(a,1,n)) end}
local same={"error_reply","status_reply","sha1hex","log","setresp","replicate_commands","LOG_DEBUG","LOG_VERBOSE","LOG_NOTICE","LOG_WARNING","REDIS_VERSION","REDIS_VERSION_NUM"}
for i=1,#same do g[same[i]]=rawget(r,same[i]) end
local meta,gc=getmetatable,collectgarbage
return g,names,cjson.new(),function(v) if type(v)=="table" then return meta(v) end end,
function(o) if o=="count" then return gc(o) end return 0 end`;
