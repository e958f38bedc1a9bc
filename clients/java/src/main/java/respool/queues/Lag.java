package respool.queues;

/** How far a position is behind; {@code end} is where the next record of the partition will be. */
public record Lag(int partition, long position, long end, long lag) {}
