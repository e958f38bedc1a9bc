"""redis-py with its default options against the address in argv: port, user, password, protocol."""

import sys

import redis

port, user, password, protocol = sys.argv[1:5]
options = {} if protocol == "default" else {"protocol": int(protocol)}
client = redis.Redis(port=int(port), username=user, password=password, decode_responses=True, **options)
assert client.ping() is True
assert client.set("py:text", "grüße") is True
assert client.get("py:text") == "grüße"
assert client.get("py:none") is None
keys = [f"py:{n}" for n in range(20)]
assert client.mset({key: f"v{key}" for key in keys}) is True
assert client.mget(keys + ["py:none"]) == [f"v{key}" for key in keys] + [None]
assert client.exists(*keys, keys[0]) == 21
assert client.hset("py:hash", mapping={"a": "1", "b": "2"}) == 2
assert client.hgetall("py:hash") == {"a": "1", "b": "2"}
assert client.zadd("py:zset", {"one": 1, "two": 2.5}) == 2
assert [(name, score) for name, score in client.zrange("py:zset", 0, -1, withscores=True)] == [("one", 1.0), ("two", 2.5)]
pipe = client.pipeline(transaction=False)
for n in range(500):
    pipe.set(f"py:pipe:{n}", n)
    pipe.incr(f"py:pipe:{n}")
assert pipe.execute() == [reply for n in range(500) for reply in (True, n + 1)]
try:
    client.lpush("py:text", "x")
    raise SystemExit("WRONGTYPE was not raised")
except redis.ResponseError as error:
    assert str(error).startswith("WRONGTYPE") or "wrong kind" in str(error), error
assert client.delete(*keys) == 20
assert client.touch("py:text", "py:hash") == 2
assert client.unlink("py:text", "py:hash", "py:zset") == 3
print("redis-py", redis.__version__, "ok")
