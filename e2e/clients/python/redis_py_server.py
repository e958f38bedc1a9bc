"""redis-py with its default options: pub/sub, scripts, blocking commands, scans, streams and the cache."""

import random
import threading

from checks import Target
from redis.cache import CacheConfig
from redis_py_client import opened, refused, same


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


def cache(target: Target) -> None:
    """Reads are answered from the client's own memory until the server says a key was changed."""
    key = target.same_slot("cached")
    caching = opened(target, protocol=3, cache_config=CacheConfig())
    with opened(target) as other, caching as client:
        other.set(key, "first")
        for _ in range(5):
            same(client.get(key), b"first")
        same(client.get_cache().size, 1)
        # Only what is kept in memory is still there when the server's own answer is another.
        entry = next(iter(client.get_cache().collection.values()))
        entry.cache_value = b"kept"
        same(client.get(key), b"kept")
        other.set(key, "second")
        while client.get(key) == b"kept":
            pass
        same(client.get(key), b"second")
