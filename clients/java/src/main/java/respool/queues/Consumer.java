package respool.queues;

import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * A handler that is called with one record after the other, on a thread of its own. Each is
 * delivered at least once: acknowledged when the handler returns, given back when it throws.
 */
public final class Consumer implements AutoCloseable {
  private static final long PAUSE_MS_FIRST = 50;
  private static final long PAUSE_MS_MAX = 2_000;
  private static final int ATTEMPTS_MAX = 3;

  private final Queues queues;
  private final String topic;
  private final Options options;
  private final Handler handler;
  private final CountDownLatch leaving = new CountDownLatch(1);
  private final CompletableFuture<Void> finished = new CompletableFuture<>();
  /** Fetched and not done with; the first is the one that is worked on. */
  private final ArrayDeque<Message> inHand = new ArrayDeque<>();

  private int failures = 0;
  private int refusals = 0;

  Consumer(Queues queues, String topic, Options options, Handler handler) {
    this.queues = queues;
    this.topic = topic;
    this.options = options;
    this.handler = handler;
    Thread thread = new Thread(this::run, "queue " + topic);
    thread.setDaemon(true);
    thread.start();
  }

  public interface Handler {
    void handle(Message message) throws Exception;
  }

  /**
   * @param ack true for topics with {@code ack: manual}; false for the others, where the proxy
   *     acknowledges what it delivered, and a crash loses what was in hand
   * @param count records fetched at once; all of them are out while the first is worked on
   * @param blockMs how long one pop waits, and so how long ending may take
   * @param onError told of a handler that threw; its record was given back, and the next one is
   *     taken after a pause. Null: the consumer ends with that error.
   */
  public record Options(
      boolean ack, int count, long blockMs, BiConsumer<Exception, Message> onError) {
    public static final Options DEFAULT = new Options(true, 1, 1_000, null);

    public Options withCount(int count) {
      return new Options(ack, count, blockMs, onError);
    }

    public Options withOnError(BiConsumer<Exception, Message> onError) {
      return new Options(ack, count, blockMs, onError);
    }
  }

  /** Done once the consumer was closed; fails with what ended it before. */
  public CompletableFuture<Void> finished() {
    return finished.copy();
  }

  /**
   * Returns when the handler at work is through and what else was fetched is given back; what ended
   * the consumer before is told by {@link #finished} alone.
   */
  @Override
  public void close() {
    leaving.countDown();
    finished.handle((nothing, wrong) -> null).join();
  }

  private void run() {
    Throwable ended = null;
    try {
      while (!isOver()) {
        fetch();
        while (!inHand.isEmpty() && !isOver()) handleFirst();
      }
    } catch (Throwable wrong) {
      ended = wrong;
    }
    try {
      giveBack(inHand.toArray(Message[]::new));
    } catch (RuntimeException refusal) {
      if (ended == null) ended = refusal;
    }
    if (ended == null) finished.complete(null);
    else finished.completeExceptionally(ended);
  }

  private void fetch() throws InterruptedException {
    try {
      inHand.addAll(queues.popMany(topic, options.count(), options.blockMs()));
      refusals = 0;
    } catch (QueueException.TryAgain | JedisConnectionException refusal) {
      pause(refusals++);
    }
  }

  private void handleFirst() throws Exception {
    Message message = inHand.getFirst();
    try {
      handler.handle(message);
    } catch (Exception wrong) {
      if (options.onError() == null) throw wrong;
      options.onError().accept(wrong, message);
      inHand.removeFirst();
      giveBack(message);
      // It would come back at once, and go wrong at once.
      pause(failures++);
      return;
    }
    failures = 0;
    inHand.removeFirst();
    if (options.ack()) acknowledge(message);
  }

  /**
   * Said once more if a connection was lost, which does no harm. One that is refused for now is
   * delivered again, which is what at least once means.
   */
  private void acknowledge(Message message) {
    for (int attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
      try {
        queues.ack(topic, message);
        return;
      } catch (QueueException.TryAgain refusal) {
        return;
      } catch (JedisConnectionException lost) {
        // The pool may hold more connections to a proxy that is gone.
      }
    }
  }

  /** Those that cannot be given back now are delivered again all the same, only later. */
  private void giveBack(Message... messages) {
    if (!options.ack()) return;
    try {
      queues.nack(topic, messages);
    } catch (QueueException.TryAgain | JedisConnectionException refusal) {
      return;
    }
  }

  /** Twice as long at each failure in a row, and spread so that many do not meet. */
  private void pause(int before) throws InterruptedException {
    long base = Math.min(PAUSE_MS_FIRST << Math.min(before, 10), PAUSE_MS_MAX);
    long ms = base + ThreadLocalRandom.current().nextLong(base / 2 + 1);
    leaving.await(ms, TimeUnit.MILLISECONDS);
  }

  private boolean isOver() {
    return leaving.getCount() == 0;
  }
}
