"""Queues by redis.Redis against a proxy, check by check."""

import threading
import time
from datetime import datetime, timedelta, timezone

import redis
from checks import run_checks, same
from respool_queues import (
    NoPermissionError,
    OutOfRangeError,
    Place,
    QueueError,
    Queues,
)

BYTES = bytes(range(256)) + b"\r\n$3\r\n"


def client(job, **options):
    login = {"username": job["user"], "password": job["token"]}
    return redis.Redis(host=job["host"], port=job["port"], **{**login, **options})


def records(job):
    queues = Queues(client(job))
    place = queues.push("log", BYTES)
    [message] = queues.pop_from("log", *place)
    same(message, (*place, BYTES))
    same(queues.push("log", "chosen", partition=2).partition, 2)
    keyed = {queues.push("log", f"keyed {n}", key="one key").partition for n in range(8)}
    same(len(keyed), 1)
    first = queues.push("log", "", partition=1, key=b"\0")
    queues.push("log", "after", partition=1)
    read = queues.pop_from("log", first.partition, first.offset, bytes_max=1_000)
    same([one.content for one in read], [b"", b"after"])
    same(queues.pop_from("log", 1, read[-1].offset + 1), [])
    text = Queues(client(job, decode_responses=True, protocol=2))
    place = text.push("log", "caf\u00e9")
    same(text.pop_from("log", *place)[0].content, "caf\u00e9")


def tombstones(job):
    queues = Queues(client(job))
    read = queues.pop_from("past", 0, 0, bytes_max=1_000)
    same([one.content for one in read], [b"kept", None])


def places(job):
    queues = Queues(client(job))
    same(queues.partitions("log"), [0, 1, 2])
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    place = queues.push("log", "timed", partition=0)
    found = queues.offset_at("log", 0, before)
    same(found.offset, place.offset)
    assert abs(found.time - before) < timedelta(minutes=1), found
    same(queues.offset_at("log", 0, "latest"), (place.offset + 1, None))
    same(queues.offset_at("log", 0, "earliest"), (0, None))
    same(queues.offset_at("log", 0, datetime.now(timezone.utc) + timedelta(hours=1)), None)


def pipelines(job):
    queues = Queues(client(job))
    pipe = queues.pipeline()
    for n in range(100):
        pipe.push("log", f"piped {n}", partition=1)
    pipe.push("no-such-topic", "x").partitions("log")
    *places, refused, partitions = pipe.execute()
    same([one.offset for one in places], list(range(places[0].offset, places[0].offset + 100)))
    assert isinstance(refused, QueueError) and refused.code == "ERR", refused
    same(partitions, [0, 1, 2])


def refusals(job):
    queues = Queues(client(job))
    refused(OutOfRangeError, "OUTOFRANGE", lambda: queues.pop_from("log", 0, 10**9))
    refused(QueueError, "ERR", lambda: queues.push("no-such-topic", "x"))
    refused(QueueError, "ERR", lambda: queues.push("log", "x", partition=99))
    stranger = Queues(client(job, username=job["stranger"], password=job["strangerToken"]))
    refused(NoPermissionError, "NOPERM", lambda: stranger.push("log", "x"))


def refused(kind, code, act):
    try:
        result = act()
    except QueueError as error:
        same((type(error), error.code), (kind, code))
        assert not str(error).startswith(code), error
        return
    raise AssertionError(f"{result!r} instead of {code}")


def positions(job):
    queues = Queues(client(job))
    same(queues.pop("work"), None)
    same(queues.pop_many("work", 5), [])
    pushed = [queues.push("work", f"work {n}") for n in range(4)]
    first = queues.pop("work")
    same(first, (*pushed[0], b"work 0"))
    same([one.content for one in queues.pop_many("work", 2)], [b"work 1", b"work 2"])
    same([one.content for one in queues.pop_many("work", 9, block_ms=0)], [b"work 3"])
    lag = queues.lag("work")
    same([(one.partition, one.end) for one in lag], [(0, pushed[-1].offset + 1)])
    # A socket that times out sooner than the record comes.
    hasty = Queues(client(job, socket_timeout=2))
    later = threading.Thread(target=lambda: (time.sleep(2.5), queues.push("work", "late")))
    later.start()
    same(hasty.pop("work", block_ms=20_000).content, b"late")
    later.join()
    same(hasty.pop("work", block_ms=1), None)


def settlement(job):
    queues = Queues(client(job))
    for n in range(3):
        queues.push("jobs", f"job {n}")
    one, two, three = queues.pop_many("jobs", 3)
    same(queues.ack("jobs", one), 1)
    same(queues.nack("jobs", two), 1)
    same(queues.pop("jobs"), two)
    same(queues.ack("jobs", two, three), 2)
    same(queues.ack("jobs", Place(three.partition, three.offset)), 0)
    same((queues.ack("jobs"), queues.nack("jobs")), (0, 0))


def consumers(job):
    queues = Queues(client(job))
    for n in range(5):
        queues.push("jobs", f"consumed {n}")
    seen = []
    for message in queues.consume("jobs", count=2):
        seen.append(message.content)
        if len(seen) == 3:
            break
    # The third was in hand when the loop was left, so it comes again.
    for message in queues.consume("jobs", count=2, block_ms=100, until=lambda: len(seen) == 6):
        seen.append(message.content)
    same(seen, [f"consumed {n}".encode() for n in (0, 1, 2, 2, 3, 4)])
    same(queues.pop("jobs"), None)


def losses(job):
    queues = Queues(client(job))
    queues.push("jobs", "before")
    seen = []
    for message in queues.consume("jobs", until=lambda: len(seen) == 2):
        seen.append(message.content)
        if len(seen) == 1:
            other = client(job)
            other.execute_command("CLIENT", "KILL", "TYPE", "normal")
            Queues(other).push("jobs", "after")
    same(seen, [b"before", b"after"])
    same(queues.pop("jobs"), None)


def seeks(job):
    queues = Queues(client(job))
    place = queues.push("sought", "again")
    queues.push("sought", "and again")
    same(queues.pop("sought").content, b"again")
    seek(queues, "latest", place.offset + 2)
    same(queues.pop("sought"), None)
    seek(queues, [place], place.offset)
    same([one.content for one in queues.pop_many("sought", 9)], [b"again", b"and again"])
    seek(queues, datetime.now(timezone.utc) - timedelta(hours=1), 0)
    same(queues.pop("sought"), (*place, b"again"))


def seek(queues, to, position):
    """Whoever keeps the position acts on it a moment later."""
    assert queues.seek("sought", to) > 0
    while queues.lag("sought")[0].position != position:
        time.sleep(0.02)


if __name__ == "__main__":
    run_checks(
        {
            check.__name__: check
            for check in (
                *(records, tombstones, places, pipelines, refusals),
                *(positions, settlement, consumers, losses, seeks),
            )
        }
    )
