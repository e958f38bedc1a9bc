"""Queues by redis.asyncio against a proxy, check by check."""

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta, timezone

import redis.asyncio
from checks import run_checks, same
from respool_queues import AsyncQueues, OutOfRangeError, QueueError


def check(story):
    """`story` gets queues and another client, whose ends are waited for."""

    def run(job):
        asyncio.run(with_client(job))

    async def with_client(job):
        login = {"username": job["user"], "password": job["token"]}
        at = {"host": job["host"], "port": job["port"], **login}
        async with redis.asyncio.Redis(**at) as client, redis.asyncio.Redis(**at) as other:
            await story(AsyncQueues(client), other)

    return run


async def records(queues, _other):
    place = await queues.push("log", b"\r\n\0\xff")
    same(await queues.pop_from("log", *place), [(*place, b"\r\n\0\xff")])
    pushes = [queues.push("log", f"side by side {n}", partition=0) for n in range(50)]
    offsets = {one.offset for one in await asyncio.gather(*pushes)}
    same(len(offsets), 50)


async def tombstones(queues, _other):
    read = await queues.pop_from("past", 0, 0, bytes_max=1_000)
    same([one.content for one in read], [b"kept", None])


async def places(queues, _other):
    same(await queues.partitions("log"), [0, 1, 2])
    await queues.push("log", "timed", partition=0)
    now, hour = datetime.now(timezone.utc), timedelta(hours=1)
    found = await queues.offset_at("log", 0, now - hour)
    same(found.offset, 0)
    assert abs(found.time - now) < timedelta(minutes=1), found
    same(await queues.offset_at("log", 0, now + hour), None)
    same(await queues.offset_at("log", 0, "earliest"), (0, None))


async def pipelines(queues, _other):
    pipe = queues.pipeline().push("log", "one", partition=2).push("log", "two", partition=2)
    one, two, refused = await pipe.pop_from("log", 2, 10**9).execute()
    same(two.offset, one.offset + 1)
    assert isinstance(refused, OutOfRangeError), refused


async def refusals(queues, _other):
    try:
        await queues.push("no-such-topic", "x")
    except QueueError as error:
        same(error.code, "ERR")
    else:
        raise AssertionError("a push to no topic was not refused")


async def positions(queues, _other):
    same(await queues.pop("work"), None)
    waiting = asyncio.create_task(queues.pop("work", block_ms=20_000))
    place = await queues.push("work", "awaited")
    same(await waiting, (*place, b"awaited"))
    same([one.end for one in await queues.lag("work")], [place.offset + 1])


async def settlement(queues, _other):
    await queues.push("jobs", "job")
    message = await queues.pop("jobs")
    same(await queues.nack("jobs", message), 1)
    same(await queues.pop_many("jobs", 2), [message])
    same(await queues.ack("jobs", message), 1)


async def consumers(queues, _other):
    for n in range(3):
        await queues.push("jobs", f"consumed {n}")
    seen = []
    async with aclosing(queues.consume("jobs", count=2)) as messages:
        async for message in messages:
            seen.append(message.content)
            if len(seen) == 2:
                break
    again = await queues.pop_many("jobs", 9)
    same([one.content for one in again], [b"consumed 1", b"consumed 2"])
    same(await queues.ack("jobs", *again), 2)


async def losses(queues, other):
    await queues.push("jobs", "before")
    seen = []
    async with aclosing(queues.consume("jobs", until=lambda: len(seen) == 2)) as messages:
        async for message in messages:
            seen.append(message.content)
            if len(seen) == 1:
                await other.execute_command("CLIENT", "KILL", "TYPE", "normal")
                await AsyncQueues(other).push("jobs", "after")
    same(seen, [b"before", b"after"])


async def seeks(queues, _other):
    place = await queues.push("sought", "again")
    same((await queues.pop_many("sought", 9))[-1].content, b"again")
    await queues.push("sought", "unread")
    assert await queues.seek("sought", "latest") > 0
    while (await queues.lag("sought"))[0].position != place.offset + 2:
        await asyncio.sleep(0.02)
    assert await queues.seek("sought", [place]) > 0
    while (await queues.lag("sought"))[0].position != place.offset:
        await asyncio.sleep(0.02)
    same((await queues.pop("sought")).content, b"again")


if __name__ == "__main__":
    stories = (
        *(records, tombstones, places, pipelines, refusals),
        *(positions, settlement, consumers, losses, seeks),
    )
    run_checks({story.__name__: check(story) for story in stories})
