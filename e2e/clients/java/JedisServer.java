/** Jedis with its default options: pub/sub, scripts, blocking commands, scans and streams. */

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.ScanIteration;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.args.ListDirection;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.params.XAddParams;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.params.XReadParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.resps.StreamEntry;
import redis.clients.jedis.resps.StreamPendingSummary;
import redis.clients.jedis.resps.Tuple;
import redis.clients.jedis.util.KeyValue;

final class JedisServer {
  private static final double LONG_SECONDS = 10;

  private JedisServer() {}

  /** Writes down what comes, in words. */
  private static final class Heard extends JedisPubSub {
    private final BlockingQueue<String> told = new LinkedBlockingQueue<>();

    @Override
    public void onMessage(String channel, String message) {
      told.add("message " + channel + " " + message);
    }

    @Override
    public void onPMessage(String pattern, String channel, String message) {
      told.add("pmessage " + pattern + " " + channel + " " + message);
    }

    @Override
    public void onSubscribe(String channel, int count) {
      told.add("subscribe " + channel + " " + count);
    }

    @Override
    public void onUnsubscribe(String channel, int count) {
      told.add("unsubscribe " + channel + " " + count);
    }

    @Override
    public void onPSubscribe(String pattern, int count) {
      told.add("psubscribe " + pattern + " " + count);
    }

    @Override
    public void onPUnsubscribe(String pattern, int count) {
      told.add("punsubscribe " + pattern + " " + count);
    }

    /** Returns when nothing is subscribed to any more. */
    Object on(UnifiedJedis client, String... channels) {
      client.subscribe(this, channels);
      return null;
    }

    void expect(String... wanted) throws InterruptedException {
      for (String line : wanted) Checks.same(told.poll(10, TimeUnit.SECONDS), line);
    }
  }

  static void publish(Checks.Target target) throws Exception {
    String a = target.keys() + "a";
    String b = target.keys() + "b";
    String pattern = target.keys() + "p.*";
    String matching = target.keys() + "p.x";
    Heard heard = new Heard();
    try (UnifiedJedis one = JedisProgram.open(target);
        UnifiedJedis other = JedisProgram.open(target)) {
      Checks.Later<Object> ended =
          Checks.later(
              () -> {
                try {
                  return heard.on(one, a, b);
                } catch (Exception refused) {
                  heard.told.add(refused.getMessage());
                  throw refused;
                }
              });
      heard.expect("subscribe " + a + " 1", "subscribe " + b + " 2");
      heard.psubscribe(pattern);
      heard.expect("psubscribe " + pattern + " 3");
      for (int n = 0; n < 3; n++) other.publish(a, "a" + n);
      heard.expect("message " + a + " a0", "message " + a + " a1", "message " + a + " a2");
      other.publish(matching, "p");
      heard.expect("pmessage " + pattern + " " + matching + " p");
      heard.unsubscribe(a);
      heard.expect("unsubscribe " + a + " 2");
      other.publish(a, "unheard");
      other.publish(b, "b");
      heard.expect("message " + b + " b");
      heard.punsubscribe();
      heard.expect("punsubscribe " + pattern + " 1");
      other.publish(matching, "unheard");
      other.publish(b, "last");
      heard.expect("message " + b + " last");
      heard.unsubscribe();
      heard.expect("unsubscribe " + b + " 0");
      ended.get();
      Checks.same(one.set(target.key("after"), "x"), "OK");
    }
  }

  static void script(Checks.Target target) {
    String key = target.sameSlot("scripted");
    List<String> keys = List.of(key);
    List<String> answer = List.of(key, "2");
    List<String> by = List.of("2");
    try (UnifiedJedis client = JedisProgram.open(target)) {
      Checks.same(client.eval(Checks.newScript(), keys, by), answer);
      Checks.refused("NOSCRIPT", () -> client.evalsha("f".repeat(40), keys, by));
      String missing = Checks.newScript();
      for (int n = 0; n < 3; n++) Checks.same(run(client, missing, keys, by), answer);
      Checks.same(client.get(key), "8");
      String sha = client.scriptLoad(Checks.newScript(), key);
      List<Boolean> exists = client.scriptExists(key, sha, "f".repeat(40));
      Checks.same(exists, List.of(true, false));
      Checks.same(client.evalsha(sha, keys, by), answer);
      Checks.refused(
          "MINE own", () -> client.eval("return redis.error_reply('MINE own')", keys, by));
    }
  }

  /** By its hash, which the server may not know: Jedis leaves the repair to the application. */
  private static Object run(UnifiedJedis client, String text, List<String> keys, List<String> by) {
    try {
      return client.evalsha(sha1(text), keys, by);
    } catch (JedisNoScriptException missing) {
      return client.eval(text, keys, by);
    }
  }

  private static String sha1(String text) {
    try {
      byte[] hash =
          java.security.MessageDigest.getInstance("SHA-1")
              .digest(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
      return java.util.HexFormat.of().formatHex(hash);
    } catch (java.security.NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }

  static void blocking(Checks.Target target) throws Exception {
    String list = target.sameSlot("list");
    String zset = target.sameSlot("zset");
    String from = target.sameSlot("from");
    String to = target.sameSlot("to");
    try (UnifiedJedis one = JedisProgram.open(target);
        UnifiedJedis other = JedisProgram.open(target)) {
      other.del(list, zset, from, to);
      var popped = Checks.later(() -> one.blpop(LONG_SECONDS, list, target.sameSlot("o")));
      other.rpush(list, "one", "two");
      Checks.same(popped.get(), new KeyValue<>(list, "one"));
      Checks.same(one.brpop(LONG_SECONDS, list), new KeyValue<>(list, "two"));
      Checks.same(one.blpop(0.1, list), null);
      ListDirection left = ListDirection.LEFT;
      var moved = Checks.later(() -> one.blmove(from, to, left, ListDirection.RIGHT, LONG_SECONDS));
      other.rpush(from, "moved");
      Checks.same(moved.get(), "moved");
      var least = Checks.later(() -> one.bzpopmin(LONG_SECONDS, zset));
      other.zadd(zset, 2, "b");
      Checks.same(least.get(), new KeyValue<>(zset, new Tuple("b", 2.0)));
      Checks.same(one.llen(to), 1L);
    }
  }

  static void scan(Checks.Target target) {
    try (UnifiedJedis client = JedisProgram.open(target)) {
      TreeSet<String> names = new TreeSet<>(Checks.numbered(300, target.key("scan:")));
      List<String> pairs = new ArrayList<>();
      for (String name : names) pairs.addAll(List.of(name, "x"));
      client.mset(pairs.toArray(String[]::new));
      TreeSet<String> seen = new TreeSet<>();
      ScanIteration pages = client.scanIteration(50, target.key("scan:*"));
      while (!pages.isIterationCompleted()) seen.addAll(pages.nextBatchList());
      Checks.same(seen, names);
      String hash = target.key("scanned");
      for (String name : names) client.hset(hash, name, "1");
      TreeSet<String> fields = new TreeSet<>();
      String cursor = ScanParams.SCAN_POINTER_START;
      do {
        ScanResult<Map.Entry<String, String>> page = client.hscan(hash, cursor);
        for (Map.Entry<String, String> entry : page.getResult()) fields.add(entry.getKey());
        cursor = page.getCursor();
      } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
      Checks.same(fields, names);
    }
  }

  static void stream(Checks.Target target) throws Exception {
    String key = target.key("stream");
    try (UnifiedJedis one = JedisProgram.open(target);
        UnifiedJedis other = JedisProgram.open(target)) {
      one.del(key);
      for (int n = 1; n <= 5; n++) {
        StreamEntryID id = new StreamEntryID(n, 0);
        Checks.same(one.xadd(key, id, Map.of("n", String.valueOf(n))), id);
      }
      Checks.same(one.xlen(key), 5L);
      Checks.same(numbers(one.xrange(key, "2", "3")), List.of("2-0=2", "3-0=3"));
      Map<String, StreamEntryID> after = Map.of(key, new StreamEntryID(3, 0));
      var read = one.xreadAsMap(XReadParams.xReadParams().count(2), after);
      Checks.same(numbers(read.get(key)), List.of("4-0=4", "5-0=5"));
      Checks.same(one.xgroupCreate(key, "group", new StreamEntryID(), false), "OK");
      Map<String, StreamEntryID> unseen = Map.of(key, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY);
      XReadGroupParams two = XReadGroupParams.xReadGroupParams().count(2);
      var taken = one.xreadGroupAsMap("group", "me", two, unseen);
      Checks.same(numbers(taken.get(key)), List.of("1-0=1", "2-0=2"));
      Checks.same(one.xack(key, "group", new StreamEntryID(1, 0)), 1L);
      StreamPendingSummary pending = one.xpending(key, "group");
      Checks.same(pending.getTotal() + " " + pending.getMinId(), "1 2-0");
      Map<String, StreamEntryID> fresh = Map.of(key, StreamEntryID.XREAD_NEW_ENTRY);
      XReadParams wait = XReadParams.xReadParams().block(10_000);
      // `$` is taken when the command arrives: what was added before it stays unseen.
      var next =
          Checks.whileWaiting(
              () -> one.xreadAsMap(wait, fresh),
              () -> other.xadd(key, XAddParams.xAddParams(), Map.of("n", "new")));
      Checks.same(next.get(key).get(0).getFields(), Map.of("n", "new"));
    }
  }

  private static List<String> numbers(List<StreamEntry> entries) {
    List<String> told = new ArrayList<>();
    for (StreamEntry entry : entries) told.add(entry.getID() + "=" + entry.getFields().get("n"));
    return told;
  }
}
