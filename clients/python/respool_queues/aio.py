"""Queues by the client for asyncio, `redis.asyncio.Redis`: the same methods, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import redis.asyncio

from . import commands
from .commands import Command, Target
from .errors import QueueError, TryAgainError, queue_error
from .messages import Content, End, Lag, Message, Place, TimedOffset
from .pipelines import AsyncPipeline
from .waiting import Wait, pause

T = TypeVar("T")


class AsyncQueues:
    """
    The topics that the user of `client` may use. Methods raise a `QueueError` for what was refused,
    and what redis-py raises when the connection is gone.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def push(
        self,
        topic: str,
        content: Content,
        *,
        key: Content | None = None,
        partition: int | None = None,
    ) -> Place:
        """Appends a record; returns its place once every replica in sync has it."""
        return await self._run(commands.push(topic, content, key, partition))

    async def pop(self, topic: str, *, block_ms: int | None = None) -> Message | None:
        """
        The next record of the position that all connections of the user share; None if no partition
        has one, within `block_ms` if that is given (0 waits for ever).
        """
        return await self._wait(lambda ms: commands.pop(topic, ms), block_ms)

    async def pop_many(
        self, topic: str, count: int, *, block_ms: int | None = None
    ) -> list[Message]:
        """Up to `count` records at once; an empty list when no partition has one."""
        return await self._wait(lambda ms: commands.pop_many(topic, count, ms), block_ms)

    async def pop_from(
        self, topic: str, partition: int, offset: int, *, bytes_max: int | None = None
    ) -> list[Message]:
        """
        Records from a place on, wherever the position is: one, or as many as have `bytes_max` of
        content together. An empty list is the end of the log; go on at the last offset plus 1.
        """
        return await self._run(commands.pop_from(topic, partition, offset, bytes_max))

    async def ack(self, topic: str, *places: Place | Message) -> int:
        """These are done with, in topics with `ack: manual`; returns how many were out."""
        return await self._run(commands.ack(topic, places)) if places else 0

    async def nack(self, topic: str, *places: Place | Message) -> int:
        """These are to be delivered again, first in line; returns how many were out."""
        return await self._run(commands.nack(topic, places)) if places else 0

    async def lag(self, topic: str) -> list[Lag]:
        """How far the position is behind, a partition each."""
        return await self._run(commands.lag(topic))

    async def partitions(self, topic: str) -> list[int]:
        return await self._run(commands.partitions(topic))

    async def offset_at(self, topic: str, partition: int, at: End | datetime) -> TimedOffset | None:
        """The first record of then or later, or an end of the log; None without such a record."""
        return await self._run(commands.offset_at(topic, partition, at))

    async def seek(self, topic: str, to: Target) -> int:
        """
        Moves the position; partitions that a list does not name stay where they are. Returns the
        sequence of the event that says so in respool's log: it is acted on a moment later.
        """
        return await self._run(commands.seek(topic, to))

    def pipeline(self) -> AsyncPipeline:
        """Commands that are sent in one write by `execute()`."""
        return AsyncPipeline(self._client)

    async def consume(
        self,
        topic: str,
        *,
        ack: bool = True,
        count: int = 1,
        block_ms: int = 1_000,
        until: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[Message]:
        """
        As `Queues.consume`. Put it into `contextlib.aclosing()`: else what a loop leaves unfinished
        is given back when the event loop gets round to it.
        """
        in_hand: list[Message] = []
        failures = 0
        try:
            while not until():
                try:
                    in_hand = await self.pop_many(topic, count, block_ms=block_ms)
                    failures = 0
                except (TryAgainError, redis.ConnectionError, redis.TimeoutError) as error:
                    if isinstance(error, redis.AuthenticationError):
                        raise
                    await asyncio.sleep(pause(failures))
                    failures += 1
                while in_hand and not until():
                    yield in_hand[0]
                    message = in_hand.pop(0)
                    if ack:
                        # One that is refused is delivered again, which is what at least once means.
                        with suppress(TryAgainError, redis.ConnectionError, redis.TimeoutError):
                            await self.ack(topic, message)
        finally:
            if ack and in_hand:
                with suppress(QueueError, redis.RedisError):
                    await self.nack(topic, *in_hand)

    async def _run(self, command: Command[T]) -> T:
        try:
            reply = await self._client.execute_command(*command.words)
        except redis.ResponseError as error:
            raise queue_error(error) from error
        return command.read(reply)

    async def _wait(self, command: Callable[[int | None], Command[T]], block_ms: int | None) -> T:
        if block_ms is None:
            return await self._run(command(None))
        wait = Wait(self._client, block_ms)
        while True:
            found = await self._run(command(wait.part_ms()))
            if found or wait.is_over():
                return found
