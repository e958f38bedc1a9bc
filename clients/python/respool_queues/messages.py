"""What comes out of queues."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, Union

Content = Union[bytes, str]
End = Literal["earliest", "latest"]


class Place(NamedTuple):
    """Where a record is; offsets are 64 bits wide, which `int` always holds."""

    partition: int
    offset: int


class Message(NamedTuple):
    """A record. Content is `str` if the client has `decode_responses`, None for a tombstone."""

    partition: int
    offset: int
    content: Content | None


class Lag(NamedTuple):
    """How far a position is behind; `end` is where the next record of the partition will be."""

    partition: int
    position: int
    end: int
    lag: int


class TimedOffset(NamedTuple):
    """A record found by its time, which is None where an end of the log was asked for."""

    offset: int
    time: datetime | None
