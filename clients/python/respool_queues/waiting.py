"""How long to wait: for a record, in parts that no socket timeout cuts off, and after a refusal."""

from __future__ import annotations

import math
import random
import time
from typing import Any

# What redis-py has as `socket_timeout` for connections that were not given one.
_SOCKET_TIMEOUT = 5.0
_PART_MS_MAX = 60_000
_PAUSE_FIRST, _PAUSE_MAX = 0.05, 2.0


class Wait:
    """
    A pop that waits `block_ms` (0: for ever), as pops that each wait half a socket timeout at most.
    One that waited longer would end as a timeout, which redis-py repeats ten times.
    """

    def __init__(self, client: Any, block_ms: int) -> None:
        settings = client.connection_pool.connection_kwargs
        timeout = settings.get("socket_timeout", _SOCKET_TIMEOUT)
        self._part_ms = _PART_MS_MAX if not timeout else max(1, int(timeout * 500))
        self._deadline = math.inf if block_ms == 0 else time.monotonic() + block_ms / 1000

    def part_ms(self) -> int:
        """How long the next pop is to wait; at least 1 ms, for 0 would be for ever."""
        left_ms = (self._deadline - time.monotonic()) * 1000
        return int(max(1, min(self._part_ms, left_ms)))

    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline


def pause(failures: int) -> float:
    """Seconds; twice as long at each failure in a row, and spread so that many do not meet."""
    return min(_PAUSE_FIRST * 2.0**failures, _PAUSE_MAX) * random.uniform(1, 1.5)
