"""Queue commands gathered and sent in one write, by the plain client and by that of asyncio."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import redis
import redis.asyncio

from . import commands
from .commands import Command, Target
from .errors import QueueError, queue_error
from .messages import Content, End, Message, Place

Own = TypeVar("Own", bound="_Gathered")


class _Gathered:
    """The methods of queues, each of which only adds its command and returns the pipeline."""

    def __init__(self) -> None:
        self._commands: list[Command[Any]] = []

    def push(
        self: Own,
        topic: str,
        content: Content,
        *,
        key: Content | None = None,
        partition: int | None = None,
    ) -> Own:
        return self._add(commands.push(topic, content, key, partition))

    def pop(self: Own, topic: str) -> Own:
        return self._add(commands.pop(topic))

    def pop_many(self: Own, topic: str, count: int) -> Own:
        return self._add(commands.pop_many(topic, count))

    def pop_from(
        self: Own, topic: str, partition: int, offset: int, *, bytes_max: int | None = None
    ) -> Own:
        return self._add(commands.pop_from(topic, partition, offset, bytes_max))

    def ack(self: Own, topic: str, *places: Place | Message) -> Own:
        return self._add(commands.ack(topic, places))

    def nack(self: Own, topic: str, *places: Place | Message) -> Own:
        return self._add(commands.nack(topic, places))

    def lag(self: Own, topic: str) -> Own:
        return self._add(commands.lag(topic))

    def partitions(self: Own, topic: str) -> Own:
        return self._add(commands.partitions(topic))

    def offset_at(self: Own, topic: str, partition: int, at: End | datetime) -> Own:
        return self._add(commands.offset_at(topic, partition, at))

    def seek(self: Own, topic: str, to: Target) -> Own:
        return self._add(commands.seek(topic, to))

    def _add(self: Own, command: Command[Any]) -> Own:
        self._commands.append(command)
        return self

    def _gather(self, pipe: Any) -> list[Command[Any]]:
        """Puts the commands into redis-py's pipeline, and forgets them."""
        taken, self._commands = self._commands, []
        for command in taken:
            pipe.execute_command(*command.words)
        return taken


class Pipeline(_Gathered):
    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self._client = client

    def execute(self) -> list[Any]:
        """
        What each command returns, in their order. One that is refused stops none of the others: its
        `QueueError` stands in its place.
        """
        with self._client.pipeline(transaction=False) as pipe:
            taken = self._gather(pipe)
            return _results(taken, pipe.execute(raise_on_error=False))


class AsyncPipeline(_Gathered):
    def __init__(self, client: redis.asyncio.Redis) -> None:
        super().__init__()
        self._client = client

    async def execute(self) -> list[Any]:
        """As that of `Pipeline`."""
        async with self._client.pipeline(transaction=False) as pipe:
            taken = self._gather(pipe)
            return _results(taken, await pipe.execute(raise_on_error=False))


def _results(taken: list[Command[Any]], replies: list[Any]) -> list[Any]:
    return [_result(command, reply) for command, reply in zip(taken, replies, strict=True)]


def _result(command: Command[Any], reply: Any) -> Any | QueueError:
    if isinstance(reply, redis.ResponseError):
        return queue_error(reply)
    if isinstance(reply, Exception):
        raise reply
    return command.read(reply)
