package respool.queues;

import java.time.Instant;

/** A record found by its time, which is null where an end of the log was asked for. */
public record TimedOffset(long offset, Instant time) {}
