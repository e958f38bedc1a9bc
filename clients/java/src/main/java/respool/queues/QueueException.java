package respool.queues;

import redis.clients.jedis.exceptions.JedisDataException;

/** An error reply; {@link #word()} is its first word, {@code ERR} for what has none of its own. */
public class QueueException extends RuntimeException {
  private final String word;

  QueueException(String word, String text, Throwable cause) {
    super(text, cause);
    this.word = word;
  }

  public String word() {
    return word;
  }

  static QueueException of(JedisDataException refusal) {
    String line = String.valueOf(refusal.getMessage());
    int space = line.indexOf(' ');
    boolean isWord = space > 0 && line.substring(0, space).chars().allMatch(Character::isUpperCase);
    String word = isWord ? line.substring(0, space) : "ERR";
    String text = isWord ? line.substring(space + 1) : line;
    return switch (word) {
      case "TRYAGAIN" -> new TryAgain(word, text, refusal);
      case "INDOUBT" -> new InDoubt(word, text, refusal);
      case "OUTOFRANGE" -> new OutOfRange(word, text, refusal);
      case "NOPERM" -> new NoPermission(word, text, refusal);
      default -> new QueueException(word, text, refusal);
    };
  }

  /** Nothing was stored or handed out: the same command may be sent again, after a moment. */
  public static final class TryAgain extends QueueException {
    TryAgain(String word, String text, Throwable cause) {
      super(word, text, cause);
    }
  }

  /** A record was sent to Kafka and not confirmed: pushing it again may store it twice. */
  public static final class InDoubt extends QueueException {
    InDoubt(String word, String text, Throwable cause) {
      super(word, text, cause);
    }
  }

  /** The partition no longer has the offset, or not yet; the message says which it has. */
  public static final class OutOfRange extends QueueException {
    OutOfRange(String word, String text, Throwable cause) {
      super(word, text, cause);
    }
  }

  /** No grant for it, or a push of a read-only user. */
  public static final class NoPermission extends QueueException {
    NoPermission(String word, String text, Throwable cause) {
      super(word, text, cause);
    }
  }
}
