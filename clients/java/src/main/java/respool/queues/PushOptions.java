package respool.queues;

import java.nio.charset.StandardCharsets;

/** Where a record goes: equal keys to one partition, or a partition itself; null for neither. */
public record PushOptions(Integer partition, byte[] key) {
  public static final PushOptions NONE = new PushOptions(null, null);

  public static PushOptions partition(int partition) {
    return new PushOptions(partition, null);
  }

  public static PushOptions key(String key) {
    return key(key.getBytes(StandardCharsets.UTF_8));
  }

  public static PushOptions key(byte[] key) {
    return new PushOptions(null, key);
  }

  public PushOptions andKey(byte[] key) {
    return new PushOptions(partition, key);
  }
}
