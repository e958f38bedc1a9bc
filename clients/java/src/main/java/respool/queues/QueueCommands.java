package respool.queues;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import redis.clients.jedis.Builder;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.commands.ProtocolCommand;

/**
 * The queue commands as Jedis has commands: their words, and how the reply is read. For
 * {@code executeCommand} of its clients and {@code appendCommand} of its pipelines.
 */
public final class QueueCommands {
  private enum Name implements ProtocolCommand {
    KPUSH,
    KPOP,
    KACK,
    KNACK,
    KLAG,
    KPARTITIONS,
    KOFFSET,
    KSEEK;

    private final byte[] raw = name().getBytes(StandardCharsets.US_ASCII);

    @Override
    public byte[] getRaw() {
      return raw;
    }
  }

  private QueueCommands() {}

  /** Without a partition and a key, partitions take turns. */
  public static CommandObject<Place> push(String topic, byte[] content, PushOptions options) {
    CommandArguments words = words(Name.KPUSH, topic);
    if (options.partition() != null) words.add(options.partition().intValue());
    words.add(content);
    if (options.key() != null) words.add("KEY").add(options.key());
    return command(words, reply -> place(list(reply), 0));
  }

  public static CommandObject<Message> pop(String topic) {
    return popping(words(Name.KPOP, topic));
  }

  /** {@code blockMs} 0 waits for ever; Jedis then bounds the reply by no socket timeout. */
  public static CommandObject<Message> pop(String topic, long blockMs) {
    return popping(block(words(Name.KPOP, topic), blockMs));
  }

  public static CommandObject<List<Message>> popMany(String topic, int count) {
    return command(words(Name.KPOP, topic).add("COUNT").add(count), QueueCommands::messages);
  }

  public static CommandObject<List<Message>> popMany(String topic, int count, long blockMs) {
    CommandArguments words = words(Name.KPOP, topic).add("COUNT").add(count);
    return command(block(words, blockMs), QueueCommands::messages);
  }

  public static CommandObject<List<Message>> popFrom(String topic, Place place) {
    return command(words(Name.KPOP, topic, List.of(place)), QueueCommands::messages);
  }

  public static CommandObject<List<Message>> popFrom(String topic, Place place, int bytesMax) {
    return command(words(Name.KPOP, topic, List.of(place)).add(bytesMax), QueueCommands::messages);
  }

  public static CommandObject<Long> ack(String topic, List<Place> places) {
    return command(words(Name.KACK, topic, places), QueueCommands::number);
  }

  public static CommandObject<Long> nack(String topic, List<Place> places) {
    return command(words(Name.KNACK, topic, places), QueueCommands::number);
  }

  public static CommandObject<List<Lag>> lag(String topic) {
    return command(words(Name.KLAG, topic), QueueCommands::lags);
  }

  public static CommandObject<List<Integer>> partitions(String topic) {
    return command(
        words(Name.KPARTITIONS, topic),
        reply -> list(reply).stream().map(one -> (int) number(one)).toList());
  }

  /** The result is null when there is no record of then or later. */
  public static CommandObject<TimedOffset> offsetAt(String topic, int partition, At at) {
    CommandArguments words = words(Name.KOFFSET, topic).add(partition);
    if (at instanceof At.End end) {
      return command(
          words.add(end.time()), reply -> new TimedOffset(number(list(reply).get(0)), null));
    }
    if (!(at instanceof At.Time time)) throw new IllegalArgumentException("a place is no time");
    return command(words.add(time.time().toEpochMilli()), QueueCommands::timedOffset);
  }

  public static CommandObject<Long> seek(String topic, At to) {
    if (to instanceof At.Places named) {
      return command(words(Name.KSEEK, topic, named.places()), QueueCommands::number);
    }
    CommandArguments words = words(Name.KSEEK, topic);
    if (to instanceof At.End end) words.add(end.word());
    if (to instanceof At.Time time) words.add(time.time().toEpochMilli());
    return command(words, QueueCommands::number);
  }

  private static CommandObject<Message> popping(CommandArguments words) {
    return command(words, reply -> reply == null ? null : messages(reply).get(0));
  }

  private static CommandArguments words(Name name, String topic) {
    return new CommandArguments(name).add(topic);
  }

  private static CommandArguments words(Name name, String topic, List<Place> places) {
    CommandArguments words = words(name, topic);
    for (Place place : places) words.add(place.partition()).add(place.offset());
    return words;
  }

  private static CommandArguments block(CommandArguments words, long blockMs) {
    return words.add("BLOCK").add(blockMs).blocking();
  }

  private static <T> CommandObject<T> command(CommandArguments words, Function<Object, T> read) {
    return new CommandObject<>(
        words,
        new Builder<T>() {
          @Override
          public T build(Object reply) {
            return read.apply(reply);
          }
        });
  }

  /** Nothing at all is nil where a position is kept, an empty list where none is. */
  private static List<Message> messages(Object reply) {
    List<Message> messages = new ArrayList<>();
    if (reply == null) return messages;
    List<?> all = list(reply);
    for (int at = 0; at < all.size(); at += 3) {
      messages.add(new Message(place(all, at), (byte[]) all.get(at + 2)));
    }
    return messages;
  }

  private static List<Lag> lags(Object reply) {
    List<Lag> lags = new ArrayList<>();
    List<Long> all = list(reply).stream().map(QueueCommands::number).toList();
    for (int at = 0; at < all.size(); at += 4) {
      int partition = all.get(at).intValue();
      lags.add(new Lag(partition, all.get(at + 1), all.get(at + 2), all.get(at + 3)));
    }
    return lags;
  }

  private static TimedOffset timedOffset(Object reply) {
    List<?> pair = list(reply);
    long offset = number(pair.get(0));
    return offset < 0 ? null : new TimedOffset(offset, Instant.ofEpochMilli(number(pair.get(1))));
  }

  private static Place place(List<?> reply, int at) {
    return new Place((int) number(reply.get(at)), number(reply.get(at + 1)));
  }

  private static List<?> list(Object reply) {
    return (List<?>) reply;
  }

  /** Numbers are bulk strings in the replies of most, and integers where Redis counts. */
  private static long number(Object value) {
    if (value instanceof Long number) return number;
    return Long.parseLong(new String((byte[]) value, StandardCharsets.US_ASCII));
  }
}
