/** Lettuce with its default options: values, pipelines and transactions. */

import io.lettuce.core.ClientOptions;
import io.lettuce.core.KeyValue;
import io.lettuce.core.ScoredValue;
import io.lettuce.core.SetArgs;
import io.lettuce.core.TransactionResult;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.api.sync.RedisClusterCommands;
import io.lettuce.core.protocol.ProtocolVersion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;

final class LettuceProgram {
  private LettuceProgram() {}

  public static void main(String[] args) throws Exception {
    Map<String, Checks.Check> checks = new LinkedHashMap<>();
    checks.put("handshake", LettuceProgram::handshake);
    checks.put("values", LettuceProgram::values);
    checks.put("many", LettuceProgram::many);
    checks.put("pipeline", LettuceProgram::pipeline);
    checks.put("transaction", LettuceProgram::transaction);
    checks.put("watch", LettuceProgram::watch);
    checks.put("publish", LettuceClients::publish);
    checks.put("shards", LettuceClients::shards);
    checks.put("script", LettuceServer::script);
    checks.put("blocking", LettuceServer::blocking);
    checks.put("scan", LettuceServer::scan);
    checks.put("stream", LettuceServer::stream);
    Checks.run(checks);
  }

  /** Null leaves the protocol to the client. */
  static ClientOptions options(Integer protocol) {
    ClusterClientOptions.Builder options = ClusterClientOptions.builder();
    if (protocol != null) {
      options.protocolVersion(protocol == 2 ? ProtocolVersion.RESP2 : ProtocolVersion.RESP3);
    }
    return options.build();
  }

  private static void handshake(Checks.Target target) throws Exception {
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> commands = client.commands();
      String key = target.key("hello");
      Checks.same(commands.ping(), "PONG");
      Checks.speaks(target, commands.clientInfo());
      Checks.same(commands.set(key, "world"), "OK");
      Checks.same(commands.get(key), "world");
      Checks.same(commands.del(key), 1L);
    }
  }

  private static void values(Checks.Target target) throws Exception {
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> commands = client.commands();
      String text = target.key("text");
      Checks.same(commands.set(text, "grüße", SetArgs.Builder.ex(100)), "OK");
      Checks.same(commands.get(text), "grüße");
      long ttl = commands.ttl(text);
      Checks.same(ttl > 90 && ttl <= 100, true);
      Checks.same(commands.get(target.key("none")), null);
      Checks.same(commands.incrby(target.key("number"), 7), 7L);
      Map<String, String> hash = Map.of("a", "1", "b", "2");
      Checks.same(commands.hset(target.key("hash"), hash), 2L);
      Checks.same(commands.hgetall(target.key("hash")), hash);
      Checks.same(commands.rpush(target.key("list"), "a", "b"), 2L);
      Checks.same(commands.lrange(target.key("list"), 0, -1), List.of("a", "b"));
      Checks.same(commands.sadd(target.key("set"), "a", "b"), 2L);
      Checks.same(commands.smembers(target.key("set")), Set.of("a", "b"));
      Checks.same(commands.zadd(target.key("zset"), 1.0, "one", 2.5, "more"), 2L);
      List<ScoredValue<String>> ranked =
          List.of(ScoredValue.just(1, "one"), ScoredValue.just(2.5, "more"));
      Checks.same(commands.zrangeWithScores(target.key("zset"), 0, -1), ranked);
      Checks.refused("WRONGTYPE", () -> commands.lpush(text, "x"));
      Checks.same(commands.get(text), "grüße");
    }
  }

  private static void many(Checks.Target target) throws Exception {
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> commands = client.commands();
      Map<String, String> pairs = new TreeMap<>();
      for (String key : Checks.numbered(20, target.key("many:"))) pairs.put(key, "v" + key);
      List<KeyValue<String, String>> found = new ArrayList<>();
      pairs.forEach((key, value) -> found.add(KeyValue.just(key, value)));
      String none = target.key("none");
      found.add(KeyValue.empty(none));
      String[] all = pairs.keySet().toArray(String[]::new);
      List<String> andNone = new ArrayList<>(pairs.keySet());
      andNone.add(none);
      Checks.same(commands.mset(pairs), "OK");
      Checks.same(commands.mget(andNone.toArray(String[]::new)), found);
      Checks.same(commands.exists(all), 20L);
      Checks.same(commands.touch(all), 20L);
      Checks.same(commands.del(andNone.subList(0, 10).toArray(String[]::new)), 10L);
      Checks.same(commands.unlink(all), 10L);
    }
  }

  /** Lettuce writes what is asked for asynchronously without waiting for replies. */
  private static void pipeline(Checks.Target target) throws Exception {
    try (LettuceClients client = LettuceClients.open(target)) {
      var commands = client.async();
      commands.set(target.key("text"), "x").get();
      List<Future<?>> replies = new ArrayList<>();
      List<Object> wanted = new ArrayList<>();
      Future<Long> wrong = null;
      for (int n = 0; n < 500; n++) {
        replies.add(commands.set(target.key("p:" + n), String.valueOf(n)));
        replies.add(commands.incr(target.key("p:" + n)));
        wanted.addAll(List.of("OK", n + 1L));
        if (n == 250) wrong = commands.lpush(target.key("text"), "x");
      }
      List<Object> found = new ArrayList<>();
      for (Future<?> reply : replies) found.add(reply.get());
      Checks.same(found, wanted);
      Checks.refused("WRONGTYPE", wrong::get);
    }
  }

  private static void transaction(Checks.Target target) throws Exception {
    String text = target.sameSlot("tx:text");
    String count = target.sameSlot("tx:count");
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisCommands<String, String> node = client.node();
      node.del(text, count);
      Checks.same(node.multi(), "OK");
      node.set(text, "a");
      node.incr(count);
      node.lpush(text, "x");
      node.incr(count);
      node.get(text);
      List<Object> replies = new ArrayList<>();
      node.exec().forEach(replies::add);
      Checks.same(replies.remove(2) instanceof Exception, true);
      Checks.same(replies, List.of("OK", 1L, 2L, "a"));
      node.multi();
      node.set(text, "gone");
      Checks.same(node.discard(), "OK");
      Checks.same(node.get(text), "a");
    }
  }

  private static void watch(Checks.Target target) throws Exception {
    String key = target.sameSlot("watched");
    try (LettuceClients first = LettuceClients.open(target);
        LettuceClients second = LettuceClients.open(target)) {
      RedisCommands<String, String> one = first.node();
      RedisCommands<String, String> other = second.node();
      one.set(key, "first");
      Checks.same(one.watch(key), "OK");
      other.set(key, "other");
      one.multi();
      one.set(key, "lost");
      TransactionResult lost = one.exec();
      Checks.same(lost.wasDiscarded(), true);
      Checks.same(one.get(key), "other");
      one.watch(key);
      one.multi();
      one.set(key, "won");
      Checks.same(one.exec().<String>get(0), "OK");
      one.watch(key);
      other.set(key, "again");
      Checks.same(one.unwatch(), "OK");
      one.multi();
      one.get(key);
      Checks.same(one.exec().<String>get(0), "again");
    }
  }
}
