"""What the proxy refuses, as classes: one for each first word of an error that says what to do."""

import redis


class QueueError(Exception):
    """An error reply; `code` is its first word, `ERR` for what has none of its own."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class TryAgainError(QueueError):
    """Nothing was stored or handed out: the same command may be sent again, after a moment."""


class InDoubtError(QueueError):
    """A record was sent to Kafka and not confirmed: pushing it again may store it twice."""


class OutOfRangeError(QueueError):
    """The partition no longer has the offset, or not yet; the message says which it has."""


class NoPermissionError(QueueError):
    """No grant for it, or a push of a read-only user."""


_CLASSES = {
    "TRYAGAIN": TryAgainError,
    "INDOUBT": InDoubtError,
    "OUTOFRANGE": OutOfRangeError,
    "NOPERM": NoPermissionError,
}


def queue_error(error: redis.ResponseError) -> QueueError:
    """redis-py keeps the first word of errors it has classes for apart, and of others not."""
    text = str(error)
    code = error.status_code
    if not code:
        first, _, rest = text.partition(" ")
        code, text = (first, rest) if first.isupper() else ("ERR", text)
    return _CLASSES.get(code, QueueError)(code, text)
