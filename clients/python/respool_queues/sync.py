"""Queues by the plain client, `redis.Redis`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import redis

from . import commands
from .commands import Command, Target
from .errors import QueueError, TryAgainError, queue_error
from .messages import Content, End, Lag, Message, Place, TimedOffset
from .pipelines import Pipeline
from .waiting import Wait, pause

T = TypeVar("T")


class Queues:
    """
    The topics that the user of `client` may use. Methods raise a `QueueError` for what was refused,
    and what redis-py raises when the connection is gone.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def push(
        self,
        topic: str,
        content: Content,
        *,
        key: Content | None = None,
        partition: int | None = None,
    ) -> Place:
        """Appends a record; returns its place once every replica in sync has it."""
        return self._run(commands.push(topic, content, key, partition))

    def pop(self, topic: str, *, block_ms: int | None = None) -> Message | None:
        """
        The next record of the position that all connections of the user share; None if no partition
        has one, within `block_ms` if that is given (0 waits for ever).
        """
        return self._wait(lambda ms: commands.pop(topic, ms), block_ms)

    def pop_many(self, topic: str, count: int, *, block_ms: int | None = None) -> list[Message]:
        """Up to `count` records at once; an empty list when no partition has one."""
        return self._wait(lambda ms: commands.pop_many(topic, count, ms), block_ms)

    def pop_from(
        self, topic: str, partition: int, offset: int, *, bytes_max: int | None = None
    ) -> list[Message]:
        """
        Records from a place on, wherever the position is: one, or as many as have `bytes_max` of
        content together. An empty list is the end of the log; go on at the last offset plus 1.
        """
        return self._run(commands.pop_from(topic, partition, offset, bytes_max))

    def ack(self, topic: str, *places: Place | Message) -> int:
        """These are done with, in topics with `ack: manual`; returns how many were out."""
        return self._run(commands.ack(topic, places)) if places else 0

    def nack(self, topic: str, *places: Place | Message) -> int:
        """These are to be delivered again, first in line; returns how many were out."""
        return self._run(commands.nack(topic, places)) if places else 0

    def lag(self, topic: str) -> list[Lag]:
        """How far the position is behind, a partition each."""
        return self._run(commands.lag(topic))

    def partitions(self, topic: str) -> list[int]:
        return self._run(commands.partitions(topic))

    def offset_at(self, topic: str, partition: int, at: End | datetime) -> TimedOffset | None:
        """The first record of then or later, or an end of the log; None without such a record."""
        return self._run(commands.offset_at(topic, partition, at))

    def seek(self, topic: str, to: Target) -> int:
        """
        Moves the position; partitions that a list does not name stay where they are. Returns the
        sequence of the event that says so in respool's log: it is acted on a moment later.
        """
        return self._run(commands.seek(topic, to))

    def pipeline(self) -> Pipeline:
        """Commands that are sent in one write by `execute()`."""
        return Pipeline(self._client)

    def consume(
        self,
        topic: str,
        *,
        ack: bool = True,
        count: int = 1,
        block_ms: int = 1_000,
        until: Callable[[], bool] = lambda: False,
    ) -> Iterator[Message]:
        """
        Records one after the other, each delivered at least once, until `until()`. A record is
        acknowledged when the loop asks for the next; what it leaves unfinished by `break`, `return`
        or an error is given back. `ack=False` is for topics without `ack: manual`, where the proxy
        acknowledges what it delivered, and a crash loses what was in hand.
        """
        in_hand: list[Message] = []
        failures = 0
        try:
            while not until():
                try:
                    in_hand = self.pop_many(topic, count, block_ms=block_ms)
                    failures = 0
                except (TryAgainError, redis.ConnectionError, redis.TimeoutError) as error:
                    if isinstance(error, redis.AuthenticationError):
                        raise
                    time.sleep(pause(failures))
                    failures += 1
                while in_hand and not until():
                    yield in_hand[0]
                    message = in_hand.pop(0)
                    if ack:
                        # One that is refused is delivered again, which is what at least once means.
                        with suppress(TryAgainError, redis.ConnectionError, redis.TimeoutError):
                            self.ack(topic, message)
        finally:
            if ack and in_hand:
                with suppress(QueueError, redis.RedisError):
                    self.nack(topic, *in_hand)

    def _run(self, command: Command[T]) -> T:
        try:
            reply = self._client.execute_command(*command.words)
        except redis.ResponseError as error:
            raise queue_error(error) from error
        return command.read(reply)

    def _wait(self, command: Callable[[int | None], Command[T]], block_ms: int | None) -> T:
        if block_ms is None:
            return self._run(command(None))
        wait = Wait(self._client, block_ms)
        while True:
            found = self._run(command(wait.part_ms()))
            if found or wait.is_over():
                return found
