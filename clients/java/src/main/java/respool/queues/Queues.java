package respool.queues;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * The topics that the user of a Jedis client may use. Methods throw a {@link QueueException} for
 * what was refused, and what Jedis throws when the connection is gone.
 */
public final class Queues {
  private final UnifiedJedis client;

  public Queues(UnifiedJedis client) {
    this.client = client;
  }

  /** Appends a record; returns its place once every replica in sync has it. */
  public Place push(String topic, byte[] content, PushOptions options) {
    return run(QueueCommands.push(topic, content, options));
  }

  public Place push(String topic, byte[] content) {
    return push(topic, content, PushOptions.NONE);
  }

  /** The content as UTF-8. */
  public Place push(String topic, String content) {
    return push(topic, content, PushOptions.NONE);
  }

  public Place push(String topic, String content, PushOptions options) {
    return push(topic, content.getBytes(StandardCharsets.UTF_8), options);
  }

  /**
   * The next record of the position that all connections of the user share; null if no partition
   * has one.
   */
  public Message pop(String topic) {
    return run(QueueCommands.pop(topic));
  }

  /** Waits for one, {@code blockMs} at most; 0 is for ever. */
  public Message pop(String topic, long blockMs) {
    return run(QueueCommands.pop(topic, blockMs));
  }

  /** Up to {@code count} records at once; an empty list when no partition has one. */
  public List<Message> popMany(String topic, int count) {
    return run(QueueCommands.popMany(topic, count));
  }

  public List<Message> popMany(String topic, int count, long blockMs) {
    return run(QueueCommands.popMany(topic, count, blockMs));
  }

  /** The record at a place or behind it, wherever the position is; empty at the end of the log. */
  public List<Message> popFrom(String topic, Place place) {
    return run(QueueCommands.popFrom(topic, place));
  }

  /**
   * As many records as have {@code bytesMax} of content together, at least one; go on at the last
   * offset plus 1.
   */
  public List<Message> popFrom(String topic, Place place, int bytesMax) {
    return run(QueueCommands.popFrom(topic, place, bytesMax));
  }

  /** These are done with, in topics with {@code ack: manual}; returns how many were out. */
  public long ack(String topic, Message... messages) {
    return ack(topic, places(messages));
  }

  public long ack(String topic, List<Place> places) {
    return places.isEmpty() ? 0 : run(QueueCommands.ack(topic, places));
  }

  /** These are to be delivered again, first in line; returns how many were out. */
  public long nack(String topic, Message... messages) {
    return nack(topic, places(messages));
  }

  public long nack(String topic, List<Place> places) {
    return places.isEmpty() ? 0 : run(QueueCommands.nack(topic, places));
  }

  /** How far the position is behind, a partition each. */
  public List<Lag> lag(String topic) {
    return run(QueueCommands.lag(topic));
  }

  public List<Integer> partitions(String topic) {
    return run(QueueCommands.partitions(topic));
  }

  /** The first record of then or later, or an end of the log; null without such a record. */
  public TimedOffset offsetAt(String topic, int partition, At at) {
    return run(QueueCommands.offsetAt(topic, partition, at));
  }

  /**
   * Moves the position; partitions that {@code At.places} does not name stay where they are.
   * Returns the sequence of the event that says so in respool's log: it is acted on a moment later.
   */
  public long seek(String topic, At to) {
    return run(QueueCommands.seek(topic, to));
  }

  /**
   * Sends all commands at once and returns what each came to, in their order. One that is refused
   * stops none of the others.
   */
  public <T> List<Outcome<T>> pipeline(List<CommandObject<T>> commands) {
    try (AbstractPipeline pipeline = client.pipelined()) {
      var replies = commands.stream().map(pipeline::executeCommand).toList();
      pipeline.sync();
      return replies.stream().map(reply -> Outcome.of(reply::get)).toList();
    }
  }

  /** Records one after the other, on a thread of their own; {@link Consumer#close} ends it. */
  public Consumer consume(String topic, Consumer.Options options, Consumer.Handler handler) {
    return new Consumer(this, topic, options, handler);
  }

  private <T> T run(CommandObject<T> command) {
    try {
      return client.executeCommand(command);
    } catch (JedisDataException refusal) {
      throw QueueException.of(refusal);
    }
  }

  private static List<Place> places(Message... messages) {
    return Arrays.stream(messages).map(Message::place).toList();
  }
}
