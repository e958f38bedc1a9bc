package respool.queues;

import java.util.function.Supplier;
import redis.clients.jedis.exceptions.JedisDataException;

/** What a command of a pipeline came to: a value, or why it was refused. */
public record Outcome<T>(T value, QueueException refusal) {
  static <T> Outcome<T> of(Supplier<T> reply) {
    try {
      return new Outcome<>(reply.get(), null);
    } catch (JedisDataException refusal) {
      return new Outcome<>(null, QueueException.of(refusal));
    }
  }

  /** The value; throws the refusal. */
  public T get() {
    if (refusal != null) throw refusal;
    return value;
  }
}
