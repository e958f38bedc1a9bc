"""The queue commands as values: the words that are sent, and how the reply is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar, Union

from .messages import Content, End, Lag, Message, Place, TimedOffset

T = TypeVar("T")
Target = Union[End, datetime, Sequence[Place]]


class Command(Generic[T]):
    """`words` begin with the command's name; `read` takes what redis-py makes of the reply."""

    __slots__ = ("read", "words")

    def __init__(self, read: Callable[[Any], T], *words: Content | int) -> None:
        self.words = words
        self.read = read


def push(
    topic: str, content: Content, key: Content | None, partition: int | None
) -> Command[Place]:
    place = () if partition is None else (partition,)
    keyed = () if key is None else ("KEY", key)
    return Command(_read_place, "KPUSH", topic, *place, content, *keyed)


def pop(topic: str, block_ms: int | None = None) -> Command[Message | None]:
    return Command(_read_message, "KPOP", topic, *_block(block_ms))


def pop_many(topic: str, count: int, block_ms: int | None = None) -> Command[list[Message]]:
    return Command(_read_messages, "KPOP", topic, "COUNT", count, *_block(block_ms))


def pop_from(
    topic: str, partition: int, offset: int, bytes_max: int | None
) -> Command[list[Message]]:
    bound = () if bytes_max is None else (bytes_max,)
    return Command(_read_messages, "KPOP", topic, partition, offset, *bound)


def ack(topic: str, places: Iterable[Place | Message]) -> Command[int]:
    return Command(int, "KACK", topic, *_words(places))


def nack(topic: str, places: Iterable[Place | Message]) -> Command[int]:
    return Command(int, "KNACK", topic, *_words(places))


def lag(topic: str) -> Command[list[Lag]]:
    return Command(_read_lags, "KLAG", topic)


def partitions(topic: str) -> Command[list[int]]:
    return Command(_read_partitions, "KPARTITIONS", topic)


def offset_at(topic: str, partition: int, at: End | datetime) -> Command[TimedOffset | None]:
    if isinstance(at, datetime):
        return Command(_read_timed, "KOFFSET", topic, partition, _ms(at))
    return Command(_read_end, "KOFFSET", topic, partition, {"latest": -1, "earliest": -2}[at])


def seek(topic: str, to: Target) -> Command[int]:
    if isinstance(to, str):
        return Command(int, "KSEEK", topic, to)
    if isinstance(to, datetime):
        return Command(int, "KSEEK", topic, _ms(to))
    return Command(int, "KSEEK", topic, *_words(to))


def _block(block_ms: int | None) -> tuple[Content | int, ...]:
    return () if block_ms is None else ("BLOCK", block_ms)


def _words(places: Iterable[Place | Message]) -> list[int]:
    return [word for place in places for word in (place.partition, place.offset)]


def _ms(at: datetime) -> int:
    """A time without a zone is local time, as everywhere in `datetime`."""
    return int(at.timestamp() * 1000)


def _read_place(reply: Any) -> Place:
    partition, offset = reply
    return Place(int(partition), int(offset))


def _read_message(reply: Any) -> Message | None:
    return None if reply is None else _read_messages(reply)[0]


def _read_messages(reply: Any) -> list[Message]:
    """Nothing at all is nil where a position is kept, an empty list where none is."""
    return [
        Message(int(partition), int(offset), content)
        for partition, offset, content in _tuples(reply or [], 3)
    ]


def _read_lags(reply: Any) -> list[Lag]:
    return [Lag(*map(int, four)) for four in _tuples(reply, 4)]


def _read_partitions(reply: Any) -> list[int]:
    return [int(one) for one in reply]


def _read_timed(reply: Any) -> TimedOffset | None:
    offset, ms = map(int, reply)
    if offset < 0:
        return None
    return TimedOffset(offset, datetime.fromtimestamp(ms / 1000, timezone.utc))


def _read_end(reply: Any) -> TimedOffset:
    return TimedOffset(int(reply[0]), None)


def _tuples(reply: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (reply[at : at + size] for at in range(0, len(reply), size))
