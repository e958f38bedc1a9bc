/** What the Java programs are built on: targets in from standard input, a line out a check. */

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.json.JSONArray;
import org.json.JSONObject;

/** The JSON in both directions is that of ../node/checks.ts. */
final class Checks {
  private static final int SECONDS_MAX = 60;

  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
          });

  private Checks() {}

  /** Null as protocol, user or password leaves it to the client. */
  record Target(
      String name,
      String host,
      int port,
      Integer protocol,
      String user,
      String password,
      boolean isCluster,
      String keys) {

    static Target of(JSONObject json) {
      return new Target(
          json.getString("name"),
          json.getString("host"),
          json.getInt("port"),
          json.isNull("protocol") ? null : json.getInt("protocol"),
          json.isNull("user") ? null : json.getString("user"),
          json.isNull("password") ? null : json.getString("password"),
          json.getString("mode").equals("cluster"),
          json.getString("keys"));
    }

    /** A key of its own slot, or in cluster mode of the target's one slot. */
    String key(String name) {
      return isCluster ? sameSlot(name) : keys + name;
    }

    /** A key in the target's one slot, for commands that need their keys together. */
    String sameSlot(String name) {
      return "{" + keys + "}" + name;
    }
  }

  interface Check {
    void run(Target target) throws Exception;
  }

  /** Runs every check asked for on every target, and ends the process whatever is left open. */
  static void run(Map<String, Check> checks) throws IOException {
    String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    JSONObject job = new JSONObject(text);
    JSONArray targets = job.getJSONArray("targets");
    for (int n = 0; n < targets.length(); n++) {
      Target target = Target.of(targets.getJSONObject(n));
      for (Object check : job.getJSONArray("checks")) {
        String detail = outcome(checks.get((String) check), target);
        JSONObject line = new JSONObject();
        line.put("target", target.name()).put("check", check);
        line.put("ok", detail.isEmpty()).put("detail", detail);
        System.out.println(line);
      }
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static String outcome(Check check, Target target) {
    if (check == null) return "this program has no such check";
    Later<Object> done =
        later(
            () -> {
              check.run(target);
              return null;
            });
    try {
      done.get();
      return "";
    } catch (Throwable wrong) {
      StringWriter told = new StringWriter();
      wrong.printStackTrace(new PrintWriter(told));
      return told.toString().substring(0, Math.min(2_000, told.toString().length()));
    }
  }

  interface Later<T> {
    /** The result; what went wrong is thrown as it was. */
    T get() throws Exception;
  }

  /** Runs `wait` on a thread of its own, such as a command that blocks. */
  static <T> Later<T> later(Callable<T> wait) {
    CompletableFuture<T> done = new CompletableFuture<>();
    THREADS.execute(
        () -> {
          try {
            done.complete(wait.call());
          } catch (Throwable wrong) {
            done.completeExceptionally(wrong);
          }
        });
    return () -> result(done);
  }

  private static <T> T result(CompletableFuture<T> done) throws Exception {
    try {
      return done.get(SECONDS_MAX, TimeUnit.SECONDS);
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof Exception wrong) throw wrong;
      throw new AssertionError(failed.getCause().getMessage(), failed.getCause());
    } catch (TimeoutException late) {
      throw new AssertionError("not done after " + SECONDS_MAX + " s");
    }
  }

  /** Repeats `act` until `waiting` is through: for replies that only come to who already waits. */
  static <T> T whileWaiting(Callable<T> waiting, Runnable act) throws Exception {
    CompletableFuture<Boolean> through = new CompletableFuture<>();
    Later<T> result =
        later(
            () -> {
              try {
                return waiting.call();
              } finally {
                through.complete(true);
              }
            });
    while (!through.isDone()) act.run();
    return result.get();
  }

  /** What CLIENT INFO says of the protocol must be what the target asked for. */
  static void speaks(Target target, String info) {
    if (target.protocol() != null) same(info.contains("resp=" + target.protocol()), true);
  }

  static void same(Object found, Object wanted) {
    if (!Objects.deepEquals(found, wanted)) {
      throw new AssertionError(found + " is not " + wanted);
    }
  }

  /** `act` must throw an error that tells `told`. */
  static void refused(String told, Callable<?> act) {
    Object found;
    try {
      found = act.call();
    } catch (Exception refusal) {
      if (!String.valueOf(refusal.getMessage()).contains(told)) {
        throw new AssertionError("an error that does not tell " + told, refusal);
      }
      return;
    }
    throw new AssertionError(found + " instead of an error " + told);
  }

  /** A script never seen before by any server; adds ARGV[1] to KEYS[1] and returns both. */
  static String newScript() {
    return "-- " + Math.random() + "\n"
        + "redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], ARGV[1]}";
  }

  static List<String> numbered(int count, String prefix) {
    List<String> names = new ArrayList<>();
    for (int n = 0; n < count; n++) names.add(prefix + n);
    return names;
  }
}
