<?php
/** What comes out of queues. Offsets are 64 bits wide, as are integers of a 64-bit PHP. */

declare(strict_types=1);

namespace Respool\Queues;

/** Where a record is. */
class Place
{
    public function __construct(public readonly int $partition, public readonly int $offset)
    {
    }
}

/** A record; its content is null for a tombstone, which compacted topics have. */
final class Message extends Place
{
    public function __construct(int $partition, int $offset, public readonly ?string $content)
    {
        parent::__construct($partition, $offset);
    }
}

/** How far a position is behind; `end` is where the next record of the partition will be. */
final class Lag
{
    public function __construct(
        public readonly int $partition,
        public readonly int $position,
        public readonly int $end,
        public readonly int $lag,
    ) {
    }
}

/** A record found by its time, which is null where an end of the log was asked for. */
final class TimedOffset
{
    public function __construct(
        public readonly int $offset,
        public readonly ?\DateTimeImmutable $time,
    ) {
    }
}
