"""redis-py with its default options, and what the checks of it say when something is wrong."""

from contextlib import contextmanager

import redis
from checks import Target


@contextmanager
def opened(target: Target, **further):
    """A client of the target's mode, closed afterwards. Replies are bytes, as by default."""
    options = {"host": target.host, "port": target.port, **further}
    if target.protocol is not None:
        options["protocol"] = target.protocol
    if target.user is not None:
        options["username"] = target.user
    if target.password is not None:
        options["password"] = target.password
    kind = redis.RedisCluster if target.mode == "cluster" else redis.Redis
    client = kind(**options)
    try:
        yield client
    finally:
        client.close()


def same(found, wanted) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(pattern: str, act) -> None:
    """`act` must raise an error of the server that tells `pattern`."""
    try:
        found = act()
    except redis.ResponseError as error:
        # redis-py takes the code off the messages of errors it has a class for.
        told = f"{type(error).__name__} {error}"
        assert pattern in told, f"{told!r} does not tell {pattern}"
        return
    raise AssertionError(f"{found!r} instead of an error {pattern}")
