"""Topics of Kafka by a redis-py client that is connected to respool, plain or asyncio."""

from .aio import AsyncQueues
from .errors import InDoubtError, NoPermissionError, OutOfRangeError, QueueError, TryAgainError
from .messages import Lag, Message, Place, TimedOffset
from .pipelines import AsyncPipeline, Pipeline
from .sync import Queues

__all__ = [
    "AsyncPipeline",
    "AsyncQueues",
    "InDoubtError",
    "Lag",
    "Message",
    "NoPermissionError",
    "OutOfRangeError",
    "Pipeline",
    "Place",
    "QueueError",
    "Queues",
    "TimedOffset",
    "TryAgainError",
]
