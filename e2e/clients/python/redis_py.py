"""redis-py with its default options, through every family of commands an application uses."""

import random
import threading
from contextlib import contextmanager

import redis
from checks import Target, run_checks


@contextmanager
def opened(target: Target):
    """A client of the target's mode, closed afterwards. Replies are bytes, as by default."""
    options = {"host": target.host, "port": target.port}
    if target.protocol is not None:
        options["protocol"] = target.protocol
    if target.user is not None:
        options["username"] = target.user
    if target.password is not None:
        options["password"] = target.password
    kind = redis.RedisCluster if target.mode == "cluster" else redis.Redis
    client = kind(**options)
    try:
        yield client
    finally:
        client.close()


def same(found, wanted) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(pattern: str, act) -> None:
    """`act` must raise an error of the server that tells `pattern`."""
    try:
        found = act()
    except redis.ResponseError as error:
        # redis-py takes the code off the messages of errors it has a class for.
        told = f"{type(error).__name__} {error}"
        assert pattern in told, f"{told!r} does not tell {pattern}"
        return
    raise AssertionError(f"{found!r} instead of an error {pattern}")


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


def publish(target: Target) -> None:
    def channel(name: str) -> bytes:
        return f"{target.keys}{name}".encode()

    with opened(target) as one, opened(target) as other:
        heard = one.pubsub()

        def expect(kind: str, *wanted) -> None:
            message = heard.get_message(timeout=10)
            assert message is not None, f"nothing instead of {kind} {wanted!r}"
            found = tuple(message[field] for field in ("channel", "data"))
            same((message["type"], *found), (kind, *wanted))

        heard.subscribe(channel("a"), channel("b"))
        expect("subscribe", channel("a"), 1)
        expect("subscribe", channel("b"), 2)
        heard.psubscribe(channel("p.*"))
        expect("psubscribe", channel("p.*"), 3)
        for n in range(3):
            other.publish(channel("a"), f"a{n}")
        for n in range(3):
            expect("message", channel("a"), f"a{n}".encode())
        other.publish(channel("p.x"), "p")
        expect("pmessage", channel("p.x"), b"p")
        heard.unsubscribe(channel("a"))
        expect("unsubscribe", channel("a"), 2)
        other.publish(channel("a"), "unheard")
        other.publish(channel("b"), "b")
        expect("message", channel("b"), b"b")
        heard.punsubscribe()
        expect("punsubscribe", channel("p.*"), 1)
        other.publish(channel("p.x"), "unheard")
        other.publish(channel("b"), "last")
        expect("message", channel("b"), b"last")
        heard.ping("still there")
        message = heard.get_message(timeout=10)
        same((message or {}).get("data"), b"still there")
        heard.unsubscribe()
        expect("unsubscribe", channel("b"), 0)
        heard.close()
        same(one.set(target.key("after"), "x"), True)


def shards(target: Target) -> None:
    channel = target.same_slot("channel").encode()
    with opened(target) as one, opened(target) as other:
        heard = one.pubsub()

        def expect(kind: str, data) -> None:
            # In cluster mode redis-py asks one node after the other, with a time to wait for each.
            for _ in range(100):
                message = read(timeout=0.1)
                if message is not None:
                    same((message["type"], message["data"]), (kind, data))
                    return
            raise AssertionError(f"nothing instead of {kind} {data!r}")

        read = heard.get_sharded_message if target.mode == "cluster" else heard.get_message
        heard.ssubscribe(channel)
        expect("ssubscribe", 1)
        for n in range(3):
            other.spublish(channel, n)
        for n in range(3):
            expect("smessage", str(n).encode())
        heard.sunsubscribe(channel)
        expect("sunsubscribe", 0)
        heard.close()


def script(target: Target) -> None:
    key = target.same_slot("scripted")
    body = "redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], ARGV[1]}"
    fresh = lambda: f"-- {random.random()}\n{body}"
    answer = [key.encode(), b"2"]
    with opened(target) as client:
        same(client.eval(fresh(), 1, key, 2), answer)
        refused("NoScriptError", lambda: client.evalsha("f" * 40, 1, key, 2))
        add = client.register_script(fresh())
        # The first call finds the script missing and repairs that.
        for _ in range(3):
            same(add(keys=[key], args=[2]), answer)
        same(client.get(key), b"8")
        sha = client.script_load(fresh())
        same(client.script_exists(sha, "f" * 40), [True, False])
        same(client.evalsha(sha, 1, key, 2), answer)
        refused("MINE own", lambda: client.eval("return redis.error_reply('MINE own')", 1, key))


def blocking(target: Target) -> None:
    key = target.same_slot
    with opened(target) as one, opened(target) as other:
        other.delete(key("list"), key("zset"), key("from"), key("to"))

        def woken(wait, wake):
            """What `wait` returns; `wake` runs while a thread of its own waits."""
            found = []
            waiting = threading.Thread(target=lambda: found.append(wait()), daemon=True)
            waiting.start()
            wake()
            waiting.join(10)
            assert found, "nothing came within 10 s"
            return found[0]

        popped = woken(
            lambda: one.blpop([key("list"), key("other")], 10),
            lambda: other.rpush(key("list"), "one", "two"),
        )
        same(tuple(popped), (key("list").encode(), b"one"))
        same(tuple(one.brpop(key("list"), 10)), (key("list").encode(), b"two"))
        same(one.blpop(key("list"), 0.1), None)
        moved = woken(
            lambda: one.blmove(key("from"), key("to"), 10, "LEFT", "RIGHT"),
            lambda: other.rpush(key("from"), "moved"),
        )
        same(moved, b"moved")
        least = woken(
            lambda: one.bzpopmin(key("zset"), 10),
            lambda: other.zadd(key("zset"), {"b": 2}),
        )
        same(tuple(least), (key("zset").encode(), b"b", 2.0))
        same(one.llen(key("to")), 1)


def scan(target: Target) -> None:
    names = sorted(target.key(f"scan:{n}").encode() for n in range(300))
    with opened(target) as client:
        client.mset({name: "x" for name in names})
        seen = list(client.scan_iter(match=target.key("scan:*"), count=50))
        same(sorted(set(seen)), names)
        client.hset(target.key("scanned"), mapping={name: "1" for name in names})
        fields = {field for field, _ in client.hscan_iter(target.key("scanned"))}
        same(sorted(fields), names)


def stream(target: Target) -> None:
    key = target.key("stream")
    entry = lambda n: (f"{n}-0".encode(), {b"n": str(n).encode()})
    with opened(target) as one, opened(target) as other:
        one.delete(key)
        for n in range(1, 6):
            same(one.xadd(key, {"n": n}, id=f"{n}-0"), f"{n}-0".encode())
        same(one.xlen(key), 5)
        same(plain(one.xrange(key, "2", "3")), [entry(2), entry(3)])
        same(entries_of(one.xread({key: "3-0"}, count=2), key), [entry(4), entry(5)])
        same(one.xgroup_create(key, "group", "0"), True)
        taken = one.xreadgroup("group", "me", {key: ">"}, count=2)
        same(entries_of(taken, key), [entry(1), entry(2)])
        same(one.xack(key, "group", "1-0"), 1)
        pending = one.xpending(key, "group")
        same((pending["pending"], pending["min"]), (1, b"2-0"))
        found = []
        waiting = threading.Thread(
            target=lambda: found.append(one.xread({key: "$"}, block=10_000)), daemon=True
        )
        waiting.start()
        # `$` is taken when the command arrives: what was added before it stays unseen.
        while waiting.is_alive():
            other.xadd(key, {"n": "new"})
        same(entries_of(found[0], key)[0][1], {b"n": b"new"})


def plain(entries) -> list:
    return [(entry[0], dict(entry[1])) for entry in entries]


def entries_of(read, key: str) -> list:
    """Entries of one stream: by key in a dictionary with RESP3, in a list of pairs with RESP2."""
    streams = dict(read)
    entries = streams[key.encode()]
    # RESP3 wraps the entries of a stream once more.
    nested = entries and isinstance(entries[0], list) and isinstance(entries[0][0], tuple)
    return plain(entries[0] if nested else entries)


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
    }
)
