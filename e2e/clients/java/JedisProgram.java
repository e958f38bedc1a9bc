/**
 * Jedis with its default options, but for two seconds until a reply is given up: values, pipelines
 * and transactions.
 */

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import redis.clients.jedis.AbstractTransaction;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.csc.CacheConfig;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.resps.Tuple;
import redis.clients.jedis.util.JedisClusterCRC16;

final class JedisProgram {
  /** A machine that others keep busy may stand still for longer than two seconds. */
  private static final int REPLY_MILLIS_MAX = 30_000;

  private JedisProgram() {}

  public static void main(String[] args) throws Exception {
    Map<String, Checks.Check> checks = new LinkedHashMap<>();
    checks.put("handshake", JedisProgram::handshake);
    checks.put("values", JedisProgram::values);
    checks.put("many", JedisProgram::many);
    checks.put("pipeline", JedisProgram::pipeline);
    checks.put("transaction", JedisProgram::transaction);
    checks.put("watch", JedisProgram::watch);
    checks.put("publish", JedisServer::publish);
    checks.put("script", JedisServer::script);
    checks.put("blocking", JedisServer::blocking);
    checks.put("scan", JedisServer::scan);
    checks.put("stream", JedisServer::stream);
    checks.put("cache", JedisProgram::cache);
    Checks.run(checks);
  }

  /** A client of the target's mode; the caller closes it. */
  static UnifiedJedis open(Checks.Target target) {
    return open(target, configOf(target).socketTimeoutMillis(REPLY_MILLIS_MAX));
  }

  private static DefaultJedisClientConfig.Builder configOf(Checks.Target target) {
    DefaultJedisClientConfig.Builder config = DefaultJedisClientConfig.builder();
    if (target.user() != null) config.user(target.user());
    if (target.password() != null) config.password(target.password());
    if (target.protocol() != null) {
      config.protocol(target.protocol() == 2 ? RedisProtocol.RESP2 : RedisProtocol.RESP3);
    }
    return config;
  }

  private static UnifiedJedis open(Checks.Target target, DefaultJedisClientConfig.Builder config) {
    HostAndPort address = new HostAndPort(target.host(), target.port());
    return target.isCluster()
        ? RedisClusterClient.builder().nodes(Set.of(address)).clientConfig(config.build()).build()
        : RedisClient.builder().hostAndPort(address).clientConfig(config.build()).build();
  }

  private static void handshake(Checks.Target target) {
    try (UnifiedJedis client = open(target, configOf(target))) {
      String key = target.key("hello");
      Checks.same(client.ping(), "PONG");
      Object info = client.sendCommand(Protocol.Command.CLIENT, "INFO");
      Checks.speaks(target, new String((byte[]) info, StandardCharsets.UTF_8));
      Checks.same(client.set(key, "world"), "OK");
      Checks.same(client.get(key), "world");
      Checks.same(client.del(key), 1L);
    }
  }

  private static void values(Checks.Target target) {
    try (UnifiedJedis client = open(target)) {
      String text = target.key("text");
      Checks.same(client.set(text, "grüße", SetParams.setParams().ex(100)), "OK");
      Checks.same(client.get(text), "grüße");
      long ttl = client.ttl(text);
      Checks.same(ttl > 90 && ttl <= 100, true);
      byte[] bytes = new byte[256];
      for (int n = 0; n < bytes.length; n++) bytes[n] = (byte) n;
      client.set(target.key("bytes").getBytes(), bytes);
      Checks.same(client.get(target.key("bytes").getBytes()), bytes);
      Checks.same(client.get(target.key("none")), null);
      Checks.same(client.incrBy(target.key("number"), 7), 7L);
      Map<String, String> hash = Map.of("a", "1", "b", "2");
      Checks.same(client.hset(target.key("hash"), hash), 2L);
      Checks.same(client.hgetAll(target.key("hash")), hash);
      Checks.same(client.rpush(target.key("list"), "a", "b"), 2L);
      Checks.same(client.lrange(target.key("list"), 0, -1), List.of("a", "b"));
      Checks.same(client.sadd(target.key("set"), "a", "b"), 2L);
      Checks.same(client.smembers(target.key("set")), Set.of("a", "b"));
      Checks.same(client.zadd(target.key("zset"), Map.of("one", 1.0, "more", 2.5)), 2L);
      List<Tuple> ranked = List.of(new Tuple("one", 1.0), new Tuple("more", 2.5));
      Checks.same(client.zrangeWithScores(target.key("zset"), 0, -1), ranked);
      Checks.refused("WRONGTYPE", () -> client.lpush(text, "x"));
      Checks.same(client.get(text), "grüße");
    }
  }

  /** Reads are answered from the client's own memory until the server says a key was changed. */
  private static void cache(Checks.Target target) {
    String key = target.sameSlot("cached");
    var config = configOf(target).protocol(RedisProtocol.RESP3).build();
    try (UnifiedJedis other = open(target);
        RedisClient client =
            RedisClient.builder()
                .hostAndPort(new HostAndPort(target.host(), target.port()))
                .clientConfig(config)
                .cacheConfig(CacheConfig.builder().build())
                .build()) {
      other.set(key, "first");
      for (int n = 0; n < 5; n++) Checks.same(client.get(key), "first");
      Checks.same(client.getCache().getStats().getHitCount(), 4L);
      other.set(key, "second");
      while (client.get(key).equals("first")) Thread.onSpinWait();
      long before = client.getCache().getStats().getHitCount();
      Checks.same(client.get(key), "second");
      Checks.same(client.getCache().getStats().getHitCount(), before + 1);
    }
  }

  private static void many(Checks.Target target) {
    try (UnifiedJedis client = open(target)) {
      List<String> keys = Checks.numbered(20, target.key("many:"));
      List<String> pairs = new ArrayList<>();
      List<String> found = new ArrayList<>();
      for (String key : keys) {
        pairs.addAll(List.of(key, "v" + key));
        found.add("v" + key);
      }
      found.add(null);
      String[] all = keys.toArray(String[]::new);
      List<String> andNone = new ArrayList<>(keys);
      andNone.add(target.key("none"));
      Checks.same(client.mset(pairs.toArray(String[]::new)), "OK");
      Checks.same(client.mget(andNone.toArray(String[]::new)), found);
      Checks.same(client.exists(all), 20L);
      Checks.same(client.touch(all), 20L);
      Checks.same(client.del(keys.subList(0, 10).toArray(String[]::new)), 10L);
      Checks.same(client.unlink(all), 10L);
    }
  }

  private static void pipeline(Checks.Target target) {
    try (UnifiedJedis client = open(target);
        var pipe = client.pipelined()) {
      client.set(target.key("text"), "x");
      List<Response<?>> replies = new ArrayList<>();
      List<Object> wanted = new ArrayList<>();
      Response<Long> wrong = null;
      for (int n = 0; n < 500; n++) {
        replies.add(pipe.set(target.key("p:" + n), String.valueOf(n)));
        replies.add(pipe.incr(target.key("p:" + n)));
        wanted.addAll(List.of("OK", n + 1L));
        if (n == 250) wrong = pipe.lpush(target.key("text"), "x");
      }
      pipe.sync();
      Checks.refused("WRONGTYPE", wrong::get);
      List<Object> found = new ArrayList<>();
      for (Response<?> reply : replies) found.add(reply.get());
      Checks.same(found, wanted);
    }
  }

  /** The one connection a transaction needs; Jedis gives its cluster class no transactions. */
  private static AbstractTransaction transactionOn(
      UnifiedJedis client, String key, boolean isBegun) {
    if (client instanceof RedisClusterClient cluster) {
      Connection node = cluster.getConnectionFromSlot(JedisClusterCRC16.getSlot(key));
      return new Transaction(node, isBegun, true);
    }
    return client.transaction(isBegun);
  }

  private static void transaction(Checks.Target target) {
    String text = target.sameSlot("tx:text");
    String count = target.sameSlot("tx:count");
    try (UnifiedJedis client = open(target)) {
      client.del(text, count);
      try (AbstractTransaction begun = transactionOn(client, text, true)) {
        begun.set(text, "a");
        begun.incr(count);
        begun.lpush(text, "x");
        begun.incr(count);
        Response<String> value = begun.get(text);
        List<Object> replies = new ArrayList<>(begun.exec());
        Object wrong = replies.remove(2);
        Checks.same(wrong instanceof JedisDataException, true);
        Checks.same(replies, List.of("OK", 1L, 2L, "a"));
        Checks.same(value.get(), "a");
      }
      try (AbstractTransaction begun = transactionOn(client, text, true)) {
        begun.set(text, "gone");
        Checks.same(begun.discard(), "OK");
      }
      Checks.same(client.get(text), "a");
    }
  }

  private static void watch(Checks.Target target) {
    String key = target.sameSlot("watched");
    try (UnifiedJedis one = open(target);
        UnifiedJedis other = open(target);
        AbstractTransaction watching = transactionOn(one, key, false)) {
      one.set(key, "first");
      Checks.same(watching.watch(key), "OK");
      other.set(key, "other");
      watching.multi();
      watching.set(key, "lost");
      Checks.same(watching.exec(), null);
      Checks.same(one.get(key), "other");
      watching.watch(key);
      watching.multi();
      watching.set(key, "won");
      Checks.same(watching.exec(), List.of("OK"));
      watching.watch(key);
      other.set(key, "again");
      Checks.same(watching.unwatch(), "OK");
      watching.multi();
      watching.get(key);
      Checks.same(watching.exec(), List.of("again"));
    }
  }
}
