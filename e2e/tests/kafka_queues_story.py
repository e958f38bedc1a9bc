"""redis-py against the port, user and password in argv: pushes, reads back, and errors."""

import sys

import redis

port, user, password = sys.argv[1:4]
for protocol in (2, 3):
    client = redis.Redis(
        host="127.0.0.1", port=int(port), username=user, password=password, protocol=protocol
    )
    partition, offset = client.execute_command("KPUSH", "orders", "python \u00e9".encode())
    assert partition.isdigit() and offset.isdigit(), (partition, offset)
    place = (int(partition), int(offset))
    popped = client.execute_command("KPOP", "orders", *place)
    assert popped == [partition, offset, "python \u00e9".encode()], popped
    pipe = client.pipeline(transaction=False)
    for n in range(100):
        pipe.execute_command("KPUSH", "orders", 1, f"py-{protocol}-{n}")
    places = [int(offset) for _, offset in pipe.execute()]
    assert places == list(range(places[0], places[0] + 100)), places
    contents = client.execute_command("KPOP", "orders", 1, places[0], 1_000_000)[2::3]
    assert contents[:100] == [f"py-{protocol}-{n}".encode() for n in range(100)], contents
    assert client.execute_command("KPARTITION", "orders") == [b"0", b"1", b"2"]
    end, time = client.execute_command("KOFFSET", "orders", 1, -1)
    assert int(end) >= places[-1] + 1 and time == b"-1", (end, time)
    try:
        client.execute_command("KPOP", "orders", 1, int(end) + 1000)
        raise SystemExit("an offset out of range was not refused")
    except redis.ResponseError as error:
        assert "OUTOFRANGE" in str(error), error
    client.close()
print("redis-py", redis.__version__, "ok")
