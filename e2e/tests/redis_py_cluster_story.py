"""redis-py's RedisCluster against the address in argv: port, user, protocol ("default", 2 or 3)."""

import sys

import redis
from redis.cluster import RedisCluster

port, user, protocol = sys.argv[1:4]
options = {} if protocol == "default" else {"protocol": int(protocol)}
client = RedisCluster(host="127.0.0.1", port=int(port), username=user, password="x", decode_responses=True, **options)
nodes = client.get_nodes()
assert [node.server_type for node in nodes] == ["primary"], nodes
assert client.ping(target_nodes=RedisCluster.ALL_NODES) in (True, [True])
for n in range(200):
    assert client.set(f"pyc:{n}", n) is True
assert [client.get(f"pyc:{n}") for n in range(200)] == [str(n) for n in range(200)]
assert client.mset_nonatomic({"pyc:a": "1", "pyc:b": "2"}) in (True, [True], [True, True])
assert client.mget_nonatomic(["pyc:a", "pyc:b", "pyc:none"]) == ["1", "2", None]
assert client.keyslot("pyc:a") == client.cluster_keyslot("pyc:a")
pipe = client.pipeline()
for n in range(200):
    pipe.incr(f"pyc:{n}")
assert pipe.execute() == [n + 1 for n in range(200)]
assert client.cluster_info(target_nodes=nodes)["cluster_state"] == "ok"
assert len(client.cluster_nodes()) == 1
try:
    client.lpush("pyc:a", "x")
    raise SystemExit("WRONGTYPE was not raised")
except redis.ResponseError as error:
    assert "WRONGTYPE" in str(error) or "wrong kind" in str(error), error
assert client.delete(*[f"pyc:{n}" for n in range(200)]) == 200
print("redis-py cluster", redis.__version__, "ok")
