"""redis-py against the port, user and password in argv: a position that is kept, as raw commands."""

import sys

import redis

port, user, password = sys.argv[1:4]
for protocol in (2, 3):
    client = redis.Redis(
        host="127.0.0.1", port=int(port), username=user, password=password, protocol=protocol
    )
    assert client.execute_command("KPOP", "python") is None
    client.execute_command("KPUSH", "python", "0", "first \u00e9".encode())
    partition, offset, content = client.execute_command("KPOP", "python")
    assert (partition, content) == (b"0", "first \u00e9".encode()), (partition, content)
    pipe = client.pipeline(transaction=False)
    for n in range(20):
        pipe.execute_command("KPUSH", "python", "0", f"py-{n}")
    pipe.execute_command("KPOP", "python", "COUNT", 20, "BLOCK", 20_000)
    popped = pipe.execute()[-1]
    while len(popped) < 60:
        popped += client.execute_command("KPOP", "python", "BLOCK", 20_000, "COUNT", 20)
    assert popped[2::3] == [f"py-{n}".encode() for n in range(20)], popped
    assert [int(at) for at in popped[1::3]] == [int(offset) + n for n in range(1, 21)], popped
    assert client.execute_command("KPOP", "python", "BLOCK", 20) is None
    lag = client.execute_command("KLAG", "python")
    assert len(lag) == 4 and lag[0] == b"0" and int(lag[1]) + int(lag[3]) == int(lag[2]), lag
    client.close()
print("redis-py", redis.__version__, "ok")
