"""redis-py with its default options: values, pipelines and transactions; all checks start here."""

import redis
from checks import Target, run_checks
from redis_py_client import opened, refused, same
from redis_py_server import blocking, cache, publish, scan, script, shards, stream


def ok(target: Target):
    """What a transaction returns for SET; the cluster class leaves its replies as they came."""
    return b"OK" if target.mode == "cluster" else True


def handshake(target: Target) -> None:
    with opened(target) as client:
        key = target.key("hello")
        same(client.ping(), True)
        node = client.get_default_node() if target.mode == "cluster" else None
        connection = client.get_redis_connection(node) if node else client
        spoken = int(connection.client_info()["resp"])
        same(spoken, target.protocol or spoken)
        same(client.set(key, "world"), True)
        same(client.get(key), b"world")
        same(client.delete(key), 1)


def values(target: Target) -> None:
    key = target.key
    with opened(target) as client:
        same(client.set(key("text"), "grüße", ex=100), True)
        same(client.get(key("text")), "grüße".encode())
        ttl = client.ttl(key("text"))
        assert 90 < ttl <= 100, ttl
        client.set(key("bytes"), bytes(range(256)))
        same(client.get(key("bytes")), bytes(range(256)))
        same(client.get(key("none")), None)
        same(client.incrby(key("number"), 7), 7)
        same(client.hset(key("hash"), mapping={"a": "1", "b": "2"}), 2)
        same(client.hgetall(key("hash")), {b"a": b"1", b"b": b"2"})
        same(client.rpush(key("list"), "a", "b"), 2)
        same(client.lrange(key("list"), 0, -1), [b"a", b"b"])
        same(client.sadd(key("set"), "a", "b"), 2)
        same(client.smembers(key("set")), {b"a", b"b"})
        same(client.zadd(key("zset"), {"one": 1, "more": 2.5}), 2)
        ranked = client.zrange(key("zset"), 0, -1, withscores=True)
        same([tuple(entry) for entry in ranked], [(b"one", 1.0), (b"more", 2.5)])
        refused("wrong kind of value", lambda: client.lpush(key("text"), "x"))
        same(client.get(key("text")), "grüße".encode())


def many(target: Target) -> None:
    keys = [target.key(f"many:{n}") for n in range(20)]
    with opened(target) as client:
        same(client.mset({key: f"v{key}" for key in keys}), True)
        found = client.mget(keys + [target.key("none")])
        same(found, [f"v{key}".encode() for key in keys] + [None])
        same(client.exists(*keys, *keys), 40)
        same(client.touch(*keys), 20)
        same(client.delete(*keys[:10]), 10)
        same(client.unlink(*keys), 10)


def pipeline(target: Target) -> None:
    with opened(target) as client:
        client.set(target.key("text"), "x")
        pipe = client.pipeline() if target.mode == "cluster" else client.pipeline(transaction=False)
        for n in range(500):
            pipe.set(target.key(f"p:{n}"), n)
            pipe.incr(target.key(f"p:{n}"))
            if n == 250:
                pipe.lpush(target.key("text"), "x")
        replies = pipe.execute(raise_on_error=False)
        same(len(replies), 1001)
        fault = replies.pop(502)
        assert isinstance(fault, redis.ResponseError), fault
        same(replies, [reply for n in range(500) for reply in (True, n + 1)])


def transaction(target: Target) -> None:
    text, count = target.same_slot("tx:text"), target.same_slot("tx:count")
    with opened(target) as client:
        client.delete(text, count)
        pipe = client.pipeline(transaction=True)
        pipe.set(text, "a").incr(count).lpush(text, "x").incr(count).get(text)
        replies = pipe.execute(raise_on_error=False)
        assert isinstance(replies[2], redis.ResponseError), replies
        same(replies[:2] + replies[3:], [ok(target), 1, 2, b"a"])
        # Never executed: nothing of it may have reached the server for good.
        with client.pipeline(transaction=True) as pipe:
            pipe.watch(count)
            pipe.multi()
            pipe.set(text, "gone")
            pipe.reset()
        same(client.get(text), b"a")


def watch(target: Target) -> None:
    key = target.same_slot("watched")
    with opened(target) as one, opened(target) as other:
        one.set(key, "first")
        with one.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            same(pipe.get(key), b"first")
            other.set(key, "other")
            pipe.multi()
            pipe.set(key, "lost")
            try:
                raise AssertionError(f"{pipe.execute()!r} though the key was changed")
            except redis.WatchError:
                pass
            same(other.get(key), b"other")
            pipe.watch(key)
            pipe.multi()
            pipe.set(key, "won")
            same(pipe.execute(), [ok(target)])
            pipe.watch(key)
            other.set(key, "again")
            pipe.unwatch()
            pipe.multi()
            pipe.get(key)
            same(pipe.execute(), [b"again"])


run_checks(
    {
        "handshake": handshake,
        "values": values,
        "many": many,
        "pipeline": pipeline,
        "transaction": transaction,
        "watch": watch,
        "publish": publish,
        "shards": shards,
        "script": script,
        "blocking": blocking,
        "scan": scan,
        "stream": stream,
        "cache": cache,
    }
)
