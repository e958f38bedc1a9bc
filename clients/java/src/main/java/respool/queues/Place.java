package respool.queues;

/** Where a record is. Offsets are 64 bits wide. */
public record Place(int partition, long offset) {}
