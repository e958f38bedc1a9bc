package respool.queues;

import java.time.Instant;
import java.util.List;

/** Where in a log: an end, the first record of then or later, or a place in each partition. */
public sealed interface At {
  /** The first record stored. */
  At EARLIEST = new End("earliest", -2);

  /** Where the next record will be. */
  At LATEST = new End("latest", -1);

  record End(String word, long time) implements At {}

  record Time(Instant time) implements At {}

  record Places(List<Place> places) implements At {}

  static At time(Instant time) {
    return new Time(time);
  }

  static At places(Place... places) {
    return new Places(List.of(places));
  }
}
