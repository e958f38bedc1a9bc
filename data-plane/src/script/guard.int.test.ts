/** The guard against scripts that mean harm, on a real server; the server of a foreign tenant's key. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Resp } from '../resp/resp.ts';
import { type RedisServer, startRedisServer } from '../test/redis-server.ts';
import { guardScript } from './guard.ts';

let server: RedisServer;
const prefix = Buffer.from('mine:');

before(async () => {
  server = await startRedisServer();
});
after(() => server.stop());
beforeEach(async () => {
  await server.ask([['FLUSHALL'], ['SET', 'theirs', 'secret'], ['SET', 'mine:own', '5']]);
});

async function run(
  body: string,
  keys: readonly string[] = [],
  args: readonly string[] = [],
  own: Buffer | null = prefix,
): Promise<Resp> {
  const script = guardScript(Buffer.from(body), own);
  const named = keys.map((key) => `${own?.toString() ?? ''}${key}`);
  const [reply] = await server.ask([['EVAL', script, String(keys.length), ...named, ...args]]);
  assert.ok(reply);
  return reply;
}

const text = (value: Resp): string => {
  if (value.type === 'bulk') return value.bytes.toString();
  if (value.type === 'array') return `[${value.items.map(text).join(' ')}]`;
  if (value.type === 'integer') return String(value.value);
  return value.type === 'error' || value.type === 'simple' ? value.text : value.type;
};

test('a script sees the names the client gave, and its commands reach the prefixed keys', async () => {
  const body = `redis.call('set', KEYS[1], ARGV[1])
    redis.call('HSET', KEYS[2], 'f', 7)
    return {KEYS[1], redis.call('GET', 'a'), redis.call('HGET', KEYS[2], 'f'), #KEYS}`;
  assert.equal(text(await run(body, ['a', 'h'], ['v'])), '[a v 7 2]');
  const [kept] = await server.ask([['GET', 'mine:a']]);
  assert.equal(text(kept as Resp), 'v');
});

test('commands of every shape of key positions find their keys', async () => {
  const calls = [
    "redis.call('MSET', KEYS[1], 1, KEYS[2], 2)",
    "redis.call('ZADD', KEYS[3], 1, 'm')",
    "redis.call('ZUNIONSTORE', KEYS[4], 2, KEYS[3], KEYS[3], 'WEIGHTS', 1, 2)",
    "redis.call('RENAME', KEYS[1], KEYS[5])",
    "redis.call('BITOP', 'AND', KEYS[1], KEYS[2], KEYS[5])",
    "redis.call('DEL', unpack(KEYS, 1, 2))",
    "redis.call('OBJECT', 'ENCODING', KEYS[4])",
    "redis.call('XADD', KEYS[6], '*', 'f', 1)",
    "redis.call('XINFO', 'STREAM', KEYS[6])",
    "redis.call('TIME')",
    "redis.call('SET', 5, 5)",
  ];
  const reply = await run(`${calls.join(' ')} return redis.call('EXISTS', KEYS[4], '5')`, [
    ...['a', 'b', 'z', 'u', 'r', 's', '5'],
  ]);
  assert.equal(text(reply), '2');
});

const hostile: Readonly<Record<string, string>> = {
  'a key not declared': "return redis.call('GET', 'theirs')",
  'a key built from a declared one': "return redis.call('GET', KEYS[1] .. 'x')",
  'the prefixed name of its own key': "return redis.call('GET', 'mine:own')",
  pcall: "return redis.pcall('GET', 'theirs')",
  'upper and lower case': "return redis.call('gEt', 'theirs')",
  'a command over all keys': "return redis.call('KEYS', '*')",
  'another database': "return redis.call('SELECT', 1)",
  FLUSHALL: "return redis.call('FLUSHALL')",
  'COPY to another database': "return redis.call('COPY', KEYS[1], KEYS[1], 'DB', 2)",
  'SORT that gets foreign keys': "return redis.call('SORT', KEYS[1], 'GET', 'theirs')",
  'a count of keys that is none': "return redis.call('SUNIONSTORE', KEYS[1], 'theirs')",
  'keys beyond the count': "return redis.call('ZUNION', 1, KEYS[1], 'theirs')",
  'a store key': "return redis.call('ZUNIONSTORE', 'theirs', 1, KEYS[1])",
  'the table of globals': "return _G.redis.call('GET', 'theirs')",
  'a chunk of its own': "return loadstring(\"return redis.call('GET', 'theirs')\")()",
  'a chunk from a function':
    "local d = false return load(function() if d then return nil end d = true return \"return redis.call('GET','theirs')\" end)()",
  environments: 'return getfenv(0).redis',
  'the debug library': 'return debug.getregistry()',
  'the error handler': "return __redis__err__handler('x')",
  'the metatable of strings': "return getmetatable('').__index.redis",
  'a coroutine': "return coroutine.wrap(function() return redis.call('GET', 'theirs') end)()",
  'a method call': "return redis:call('GET', 'theirs')",
  'a body that goes on with the statement of the guard':
    "and redis return redis.call('GET', 'theirs')",
  'an operator behind a shebang line':
    "#!lua flags=no-writes\nor redis return redis.call('GET', 'theirs')",
  'a list that goes on': ", redis return redis.call('GET', 'theirs')",
  'an end too many': "end return redis.call('GET', 'theirs') do",
  'a replaced library function':
    "string.lower = function() return 'get' end return redis.call('GET', 'theirs')",
  'a replaced function by rawset':
    "rawset(string, 'lower', function() return 'get' end) return redis.call('GET', 'theirs')",
  'an own table for arguments':
    "return redis.call(setmetatable({}, {__tostring = function() return 'GET' end}), 'theirs')",
  set_repl: 'return redis.set_repl(redis.REPL_NONE)',
  acl_check_cmd: "return redis.acl_check_cmd('GET', 'theirs')",
  'OBJECT of a foreign key': "return redis.call('OBJECT', 'ENCODING', 'theirs')",
  'a container without its subcommand': "return redis.call('OBJECT')",
  'publishing to everybody': "return redis.call('PUBLISH', 'news', 'x')",
};

for (const [name, body] of Object.entries(hostile)) {
  test(`a script gets nowhere by ${name}`, async () => {
    const reply = await run(body, ['own']);
    const said = text(reply);
    assert.ok(reply.type === 'error' || reply.type === 'null', said);
    assert.doesNotMatch(said, /secret/);
    const [theirs, none] = await server.ask([
      ['GET', 'theirs'],
      ['EXISTS', 'mine:theirs'],
    ]);
    assert.equal(text(theirs as Resp), 'secret');
    assert.equal(text(none as Resp), '0');
  });
}

test('what a script does to libraries and collector reaches no other script of the server', async () => {
  const settings =
    "cjson.encode_number_precision(3) cjson.decode_max_depth(1) collectgarbage('stop')";
  assert.equal(text(await run(`${settings} return cjson.encode(1234567)`)), '1.23e+06');
  const body = "return {cjson.encode(1234567), cjson.decode('[[7]]')[1][1]}";
  assert.equal(text(await run(body, [], [], Buffer.from('other:'))), '[1234567 7]');
  const meta = "local m = getmetatable('') return {tostring(m), collectgarbage('count') > 0}";
  assert.equal(text(await run(meta)), '[nil 1]');
  const own = "return getmetatable(setmetatable({}, {__index = {a = 'b'}})).__index.a";
  assert.equal(text(await run(own)), 'b');
});

test('names that a script makes its own are its own, and lead nowhere', async () => {
  const body = `redis = {call = function() return 'fake' end} return redis.call('GET', 'theirs')`;
  assert.equal(text(await run(body, ['own'])), 'fake');
  assert.equal(text(await run("return redis.call('GET', KEYS[1])", ['own'])), '5');
});

test('where a database separates the tenants a script is held to its keys and its database', async () => {
  assert.equal(
    text(await run("return redis.call('GET', KEYS[1])", ['theirs'], [], null)),
    'secret',
  );
  const other = await run("redis.call('SELECT', 1) return 1", ['theirs'], [], null);
  assert.match(text(other), /'select' is not open to scripts/);
});

test('errors name the line of the script, and a shebang stays in front', async () => {
  assert.match(text(await run('local a = 1\nerror("here")')), /user_script:2: here/);
  const flags = '#!lua flags=no-writes\nreturn redis.call("SET", KEYS[1], 1)';
  assert.match(text(await run(flags, ['own'])), /Write commands are not allowed/);
});
