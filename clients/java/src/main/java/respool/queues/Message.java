package respool.queues;

import java.nio.charset.StandardCharsets;

/** A record; its content is null for a tombstone, which compacted topics have. */
public record Message(Place place, byte[] content) {
  public int partition() {
    return place.partition();
  }

  public long offset() {
    return place.offset();
  }

  /** The content as UTF-8, or null. */
  public String text() {
    return content == null ? null : new String(content, StandardCharsets.UTF_8);
  }
}
