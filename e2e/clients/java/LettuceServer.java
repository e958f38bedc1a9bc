/** Lettuce with its default options: scripts, blocking commands, scans and streams. */

import io.lettuce.core.Consumer;
import io.lettuce.core.KeyScanCursor;
import io.lettuce.core.KeyValue;
import io.lettuce.core.LMoveArgs;
import io.lettuce.core.MapScanCursor;
import io.lettuce.core.Range;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScanArgs;
import io.lettuce.core.ScanCursor;
import io.lettuce.core.ScoredValue;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.StreamMessage;
import io.lettuce.core.XAddArgs;
import io.lettuce.core.XGroupCreateArgs;
import io.lettuce.core.XReadArgs;
import io.lettuce.core.cluster.api.sync.RedisClusterCommands;
import io.lettuce.core.models.stream.PendingMessages;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

final class LettuceServer {
  private LettuceServer() {}

  static void script(Checks.Target target) throws Exception {
    String[] keys = {target.sameSlot("scripted")};
    List<String> answer = List.of(keys[0], "2");
    ScriptOutputType list = ScriptOutputType.MULTI;
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> commands = client.commands();
      Checks.same(commands.eval(Checks.newScript(), list, keys, "2"), answer);
      Checks.refused("NOSCRIPT", () -> commands.evalsha("f".repeat(40), list, keys, "2"));
      String missing = Checks.newScript();
      String digest = commands.digest(missing);
      // Lettuce leaves the repair to the application.
      Object repaired;
      try {
        repaired = commands.evalsha(digest, list, keys, "2");
      } catch (RedisNoScriptException unknown) {
        repaired = commands.eval(missing, list, keys, "2");
      }
      Checks.same(repaired, answer);
      Checks.same(commands.evalsha(digest, list, keys, "2"), answer);
      Checks.same(commands.get(keys[0]), "6");
      String sha = commands.scriptLoad(Checks.newScript());
      Checks.same(commands.scriptExists(sha, "f".repeat(40)), List.of(true, false));
      Checks.same(commands.evalsha(sha, list, keys, "2"), answer);
      String failing = "return redis.error_reply('MINE own')";
      Checks.refused("MINE own", () -> commands.eval(failing, list, keys, "2"));
    }
  }

  static void blocking(Checks.Target target) throws Exception {
    String list = target.sameSlot("list");
    String zset = target.sameSlot("zset");
    String from = target.sameSlot("from");
    String to = target.sameSlot("to");
    try (LettuceClients first = LettuceClients.open(target);
        LettuceClients second = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> one = first.commands();
      RedisClusterCommands<String, String> other = second.commands();
      other.del(list, zset, from, to);
      var popped = Checks.later(() -> one.blpop(10, list, target.sameSlot("o")));
      other.rpush(list, "one", "two");
      Checks.same(popped.get(), KeyValue.just(list, "one"));
      Checks.same(one.brpop(10, list), KeyValue.just(list, "two"));
      Checks.same(one.blpop(0.1, list), null);
      LMoveArgs ends = LMoveArgs.Builder.leftRight();
      var moved = Checks.later(() -> one.blmove(from, to, ends, 10));
      other.rpush(from, "moved");
      Checks.same(moved.get(), "moved");
      var least = Checks.later(() -> one.bzpopmin(10, zset));
      other.zadd(zset, 2.0, "b");
      Checks.same(least.get(), KeyValue.just(zset, ScoredValue.just(2, "b")));
      Checks.same(one.llen(to), 1L);
    }
  }

  static void scan(Checks.Target target) throws Exception {
    try (LettuceClients client = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> commands = client.commands();
      TreeSet<String> names = new TreeSet<>(Checks.numbered(300, target.key("scan:")));
      Map<String, String> pairs = new TreeMap<>();
      for (String name : names) pairs.put(name, "x");
      commands.mset(pairs);
      TreeSet<String> seen = new TreeSet<>();
      ScanArgs some = ScanArgs.Builder.matches(target.key("scan:*")).limit(50);
      KeyScanCursor<String> page = commands.scan(some);
      seen.addAll(page.getKeys());
      while (!page.isFinished()) {
        page = commands.scan(page, some);
        seen.addAll(page.getKeys());
      }
      Checks.same(seen, names);
      String hash = target.key("scanned");
      commands.hset(hash, pairs);
      TreeSet<String> fields = new TreeSet<>();
      ScanCursor cursor = ScanCursor.INITIAL;
      while (!cursor.isFinished()) {
        MapScanCursor<String, String> entries = commands.hscan(hash, cursor);
        fields.addAll(entries.getMap().keySet());
        cursor = entries;
      }
      Checks.same(fields, names);
    }
  }

  static void stream(Checks.Target target) throws Exception {
    String key = target.key("stream");
    try (LettuceClients first = LettuceClients.open(target);
        LettuceClients second = LettuceClients.open(target)) {
      RedisClusterCommands<String, String> one = first.commands();
      one.del(key);
      for (int n = 1; n <= 5; n++) {
        String id = n + "-0";
        Map<String, String> body = Map.of("n", String.valueOf(n));
        Checks.same(one.xadd(key, new XAddArgs().id(id), body), id);
      }
      Checks.same(one.xlen(key), 5L);
      Checks.same(numbers(one.xrange(key, Range.create("2", "3"))), List.of("2-0=2", "3-0=3"));
      var read = one.xread(XReadArgs.Builder.count(2), XReadArgs.StreamOffset.from(key, "3-0"));
      Checks.same(numbers(read), List.of("4-0=4", "5-0=5"));
      XReadArgs.StreamOffset<String> start = XReadArgs.StreamOffset.from(key, "0");
      Checks.same(one.xgroupCreate(start, "group", new XGroupCreateArgs()), "OK");
      Consumer<String> me = Consumer.from("group", "me");
      XReadArgs.StreamOffset<String> unseen = XReadArgs.StreamOffset.lastConsumed(key);
      var taken = one.xreadgroup(me, XReadArgs.Builder.count(2), unseen);
      Checks.same(numbers(taken), List.of("1-0=1", "2-0=2"));
      Checks.same(one.xack(key, "group", "1-0"), 1L);
      PendingMessages pending = one.xpending(key, "group");
      String least = pending.getMessageIds().getLower().getValue();
      Checks.same(pending.getCount() + " " + least, "1 2-0");
      XReadArgs wait = XReadArgs.Builder.block(Duration.ofSeconds(10));
      // `$` is taken when the command arrives: what was added before it stays unseen.
      var next =
          Checks.whileWaiting(
              () -> one.xread(wait, XReadArgs.StreamOffset.latest(key)),
              () -> second.commands().xadd(key, Map.of("n", "new")));
      Checks.same(next.get(0).getBody(), Map.of("n", "new"));
    }
  }

  private static List<String> numbers(List<StreamMessage<String, String>> entries) {
    List<String> told = new ArrayList<>();
    for (var entry : entries) told.add(entry.getId() + "=" + entry.getBody().get("n"));
    return told;
  }
}
