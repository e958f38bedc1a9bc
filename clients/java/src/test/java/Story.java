/** Queues by Jedis against a proxy: a job in from standard input, a line out a check. */

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.json.JSONArray;
import org.json.JSONObject;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisClient;
import respool.queues.At;
import respool.queues.Consumer;
import respool.queues.Message;
import respool.queues.Outcome;
import respool.queues.Place;
import respool.queues.PushOptions;
import respool.queues.QueueCommands;
import respool.queues.QueueException;
import respool.queues.Queues;

final class Story {
  private interface Check {
    void run(Queues queues) throws Exception;
  }

  private static final byte[] BYTES = bytes();
  private static JSONObject job;

  private Story() {}

  public static void main(String[] args) throws Exception {
    job = new JSONObject(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
    Map<String, Check> checks = new LinkedHashMap<>();
    checks.put("records", Story::records);
    checks.put("tombstones", Story::tombstones);
    checks.put("places", Story::places);
    checks.put("pipelines", Story::pipelines);
    checks.put("refusals", Story::refusals);
    checks.put("positions", Story::positions);
    checks.put("settlement", Story::settlement);
    checks.put("consumers", Story::consumers);
    checks.put("losses", Story::losses);
    checks.put("seeks", Story::seeks);
    JSONArray names = job.getJSONArray("checks");
    for (int n = 0; n < names.length(); n++) {
      String detail = outcome(checks.get(names.getString(n)));
      JSONObject line = new JSONObject().put("check", names.getString(n));
      System.out.println(line.put("ok", detail.isEmpty()).put("detail", detail));
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static String outcome(Check check) {
    try (RedisClient client = open("user", "token")) {
      check.run(new Queues(client));
      return "";
    } catch (Throwable wrong) {
      StringWriter told = new StringWriter();
      wrong.printStackTrace(new PrintWriter(told));
      return told.toString().substring(0, Math.min(2_000, told.toString().length()));
    }
  }

  private static RedisClient open(String user, String token) {
    return open(user, token, 20_000);
  }

  private static RedisClient open(String user, String token, int replyMsMax) {
    var login = DefaultJedisClientConfig.builder().user(job.getString(user));
    return RedisClient.builder()
        .hostAndPort(new HostAndPort(job.getString("host"), job.getInt("port")))
        .clientConfig(login.password(job.getString(token)).socketTimeoutMillis(replyMsMax).build())
        .build();
  }

  private static void records(Queues queues) {
    Place place = queues.push("log", BYTES);
    Message message = queues.popFrom("log", place).get(0);
    same(message.place(), place);
    same(message.content(), BYTES);
    same(queues.push("log", "chosen", PushOptions.partition(2)).partition(), 2);
    PushOptions key = PushOptions.key("one key");
    var keyed = IntStream.range(0, 8).map(n -> queues.push("log", "" + n, key).partition());
    same(keyed.distinct().count(), 1L);
    Place first = queues.push("log", "", PushOptions.partition(1).andKey(new byte[] {0}));
    queues.push("log", "caf\u00e9", PushOptions.partition(1));
    same(texts(queues.popFrom("log", first, 1_000)), List.of("", "caf\u00e9"));
    same(queues.popFrom("log", new Place(1, first.offset() + 2)), List.of());
  }

  private static void tombstones(Queues queues) {
    same(texts(queues.popFrom("past", new Place(0, 0), 1_000)), Arrays.asList("kept", null));
  }

  private static void places(Queues queues) {
    same(queues.partitions("log"), List.of(0, 1, 2));
    Instant before = Instant.now().minusMillis(1);
    long offset = queues.push("log", "timed", PushOptions.partition(0)).offset();
    var found = queues.offsetAt("log", 0, At.time(before));
    same(found.offset(), offset);
    same(Duration.between(before, found.time()).abs().toMinutes(), 0L);
    same(queues.offsetAt("log", 0, At.LATEST).offset(), offset + 1);
    same(queues.offsetAt("log", 0, At.LATEST).time(), null);
    same(queues.offsetAt("log", 0, At.EARLIEST).offset(), 0L);
    same(queues.offsetAt("log", 0, At.time(Instant.now().plusSeconds(3_600))), null);
  }

  private static void pipelines(Queues queues) {
    PushOptions one = PushOptions.partition(1);
    List<CommandObject<Place>> commands = new ArrayList<>();
    for (int n = 0; n < 100; n++) {
      commands.add(QueueCommands.push("log", ("piped " + n).getBytes(), one));
    }
    commands.add(QueueCommands.push("no-such-topic", new byte[0], PushOptions.NONE));
    List<Outcome<Place>> outcomes = new ArrayList<>(queues.pipeline(commands));
    refused(QueueException.class, "ERR", outcomes.remove(100)::get);
    long first = outcomes.get(0).get().offset();
    List<Long> offsets = outcomes.stream().map(outcome -> outcome.get().offset()).toList();
    same(offsets, IntStream.range(0, 100).mapToObj(n -> first + n).toList());
  }

  private static void refusals(Queues queues) {
    Place far = new Place(0, 1_000_000_000L);
    refused(QueueException.OutOfRange.class, "OUTOFRANGE", () -> queues.popFrom("log", far));
    refused(QueueException.class, "ERR", () -> queues.push("no-such-topic", "x"));
    PushOptions wrong = PushOptions.partition(99);
    refused(QueueException.class, "ERR", () -> queues.push("log", "x", wrong));
    try (RedisClient client = open("stranger", "strangerToken")) {
      Queues stranger = new Queues(client);
      refused(QueueException.NoPermission.class, "NOPERM", () -> stranger.push("log", "x"));
    }
  }

  private static void positions(Queues queues) throws Exception {
    same(queues.pop("work"), null);
    same(queues.popMany("work", 5), List.of());
    Place first = queues.push("work", "work 0");
    for (int n = 1; n < 4; n++) queues.push("work", "work " + n);
    Message popped = queues.pop("work");
    same(popped.place(), first);
    same(popped.text(), "work 0");
    same(texts(queues.popMany("work", 2)), List.of("work 1", "work 2"));
    same(texts(queues.popMany("work", 9, 0)), List.of("work 3"));
    var lag = queues.lag("work").get(0);
    same(List.of((long) lag.partition(), lag.end()), List.of(0L, 4L));
    // Longer than a reply may take otherwise.
    try (RedisClient hasty = open("user", "token", 2_000)) {
      same(new Queues(hasty).pop("work", 2_500), null);
    }
    var waiting = CompletableFuture.supplyAsync(() -> queues.pop("work", 20_000));
    queues.push("work", "late");
    same(waiting.get(60, TimeUnit.SECONDS).text(), "late");
  }

  private static void settlement(Queues queues) {
    for (int n = 0; n < 3; n++) queues.push("jobs", "job " + n);
    List<Message> jobs = queues.popMany("jobs", 3);
    same(queues.ack("jobs", jobs.get(0)), 1L);
    same(queues.nack("jobs", jobs.get(1)), 1L);
    same(queues.pop("jobs").place(), jobs.get(1).place());
    same(queues.ack("jobs", jobs.get(1), jobs.get(2)), 2L);
    same(queues.ack("jobs", List.of(jobs.get(2).place())), 0L);
    same(queues.ack("jobs") + queues.nack("jobs"), 0L);
  }

  private static void consumers(Queues queues) throws Exception {
    for (String content : List.of("a", "b", "fails once", "c")) queues.push("jobs", content);
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch five = new CountDownLatch(5);
    var options = Consumer.Options.DEFAULT.withCount(2);
    Consumer.Handler handler =
        message -> {
          boolean isAgain = told.contains("fails once");
          told.add(message.text());
          five.countDown();
          if (message.text().equals("fails once") && !isAgain) throw new Exception("it failed");
        };
    var telling = options.withOnError((wrong, message) -> told.add(wrong.getMessage()));
    try (Consumer consumer = queues.consume("jobs", telling, handler)) {
      same(five.await(60, TimeUnit.SECONDS), true);
      consumer.close();
      consumer.finished().get(60, TimeUnit.SECONDS);
    }
    same(sorted(told), List.of("a", "b", "c", "fails once", "fails once", "it failed"));
    queues.push("jobs", "d");
    queues.push("jobs", "e");
    Consumer.Handler unlucky =
        message -> {
          throw new Exception("no such luck");
        };
    try (Consumer broken = queues.consume("jobs", options, unlucky)) {
      broken.finished().get(60, TimeUnit.SECONDS);
      throw new AssertionError("a consumer that failed went on");
    } catch (ExecutionException wrong) {
      same(wrong.getCause().getMessage(), "no such luck");
    }
    // The one in hand was given back, and the one behind it.
    List<Message> again = queues.popMany("jobs", 9, 20_000);
    same(texts(again), List.of("d", "e"));
    same(queues.ack("jobs", again.toArray(Message[]::new)), 2L);
  }

  private static void losses(Queues queues) throws Exception {
    queues.push("jobs", "before");
    CountDownLatch two = new CountDownLatch(2);
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    Consumer.Handler handler =
        message -> {
          told.add(message.text());
          if (told.size() == 1) {
            cutOthersAndPush("after");
          }
          two.countDown();
        };
    try (RedisClient client = open("user", "token");
        Consumer consumer =
            new Queues(client).consume("jobs", Consumer.Options.DEFAULT, handler)) {
      same(two.await(60, TimeUnit.SECONDS), true);
    }
    same(told, List.of("before", "after"));
  }

  private static void cutOthersAndPush(String content) {
    try (RedisClient client = open("user", "token")) {
      client.sendCommand(Protocol.Command.CLIENT, "KILL", "TYPE", "normal");
      new Queues(client).push("jobs", content);
    }
  }

  private static void seeks(Queues queues) throws InterruptedException {
    Place place = queues.push("sought", "again");
    queues.push("sought", "and again");
    same(queues.pop("sought").text(), "again");
    seek(queues, At.LATEST, place.offset() + 2);
    same(queues.pop("sought"), null);
    seek(queues, At.places(place), place.offset());
    same(texts(queues.popMany("sought", 9)), List.of("again", "and again"));
    seek(queues, At.time(Instant.now().minusSeconds(3_600)), 0);
    same(queues.pop("sought").text(), "again");
  }

  /** Whoever keeps the position acts on it a moment later. */
  private static void seek(Queues queues, At to, long position) throws InterruptedException {
    same(queues.seek("sought", to) > 0, true);
    while (queues.lag("sought").get(0).position() != position) Thread.sleep(20);
  }

  private static List<String> texts(List<Message> messages) {
    // A list that may hold null, unlike that of `toList` with `List.of`.
    List<String> texts = new ArrayList<>();
    for (Message message : messages) texts.add(message.text());
    return texts;
  }

  private static List<String> sorted(List<String> unsorted) {
    return unsorted.stream().sorted().toList();
  }

  private static byte[] bytes() {
    byte[] bytes = Arrays.copyOf("\r\n$3\r\n".getBytes(StandardCharsets.US_ASCII), 262);
    for (int n = 0; n < 256; n++) bytes[n + 6] = (byte) n;
    return bytes;
  }

  private static void same(Object found, Object wanted) {
    if (!Objects.deepEquals(found, wanted)) throw new AssertionError(found + " is not " + wanted);
  }

  private static void refused(Class<?> kind, String word, Runnable act) {
    try {
      act.run();
    } catch (QueueException refusal) {
      same(refusal.getClass(), kind);
      same(refusal.word(), word);
      same(refusal.getMessage().startsWith(word), false);
      return;
    }
    throw new AssertionError("not refused with " + word);
  }
}
