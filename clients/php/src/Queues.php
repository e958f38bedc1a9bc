<?php
/** The topics that the user of a connection may use. */

declare(strict_types=1);

namespace Respool\Queues;

/** Methods throw a `QueueException` for what was refused, else a `ConnectionException`. */
final class Queues
{
    private const PART_MS_MAX = 60_000;
    private const PAUSE_US = ['first' => 50_000, 'max' => 2_000_000];

    public function __construct(private readonly Transport $transport)
    {
        if (PHP_INT_SIZE < 8) {
            throw new \RuntimeException('offsets are 64 bits wide; integers of this PHP are not');
        }
    }

    /** Appends a record; returns its place once every replica in sync has it. */
    public function push(
        string $topic,
        string $content,
        ?string $key = null,
        ?int $partition = null,
    ): Place {
        return $this->run(Commands::push($topic, $content, $key, $partition));
    }

    /**
     * The next record of the position that all connections of the user share; null if no partition
     * has one, within `blockMs` if that is given (0 waits for ever).
     */
    public function pop(string $topic, ?int $blockMs = null): ?Message
    {
        return $this->wait(static fn (?int $ms) => Commands::pop($topic, $ms), $blockMs);
    }

    /**
     * Up to `count` records at once; an empty array when no partition has one.
     *
     * @return list<Message>
     */
    public function popMany(string $topic, int $count, ?int $blockMs = null): array
    {
        return $this->wait(
            static fn (?int $ms) => Commands::popMany($topic, $count, $ms),
            $blockMs,
        );
    }

    /**
     * Records from a place on, wherever the position is: one, or as many as have `bytesMax` of
     * content together. An empty array is the end of the log; go on at the last offset plus 1.
     *
     * @return list<Message>
     */
    public function popFrom(
        string $topic,
        int $partition,
        int $offset,
        ?int $bytesMax = null,
    ): array {
        return $this->run(Commands::popFrom($topic, $partition, $offset, $bytesMax));
    }

    /** These are done with, in topics with `ack: manual`; returns how many were out. */
    public function ack(string $topic, Place ...$places): int
    {
        return $places === [] ? 0 : $this->run(Commands::ack($topic, ...$places));
    }

    /** These are to be delivered again, first in line; returns how many were out. */
    public function nack(string $topic, Place ...$places): int
    {
        return $places === [] ? 0 : $this->run(Commands::nack($topic, ...$places));
    }

    /**
     * How far the position is behind, a partition each.
     *
     * @return list<Lag>
     */
    public function lag(string $topic): array
    {
        return $this->run(Commands::lag($topic));
    }

    /** @return list<int> */
    public function partitions(string $topic): array
    {
        return $this->run(Commands::partitions($topic));
    }

    /** The first record of then or later, or an end of the log; null without such a record. */
    public function offsetAt(
        string $topic,
        int $partition,
        End|\DateTimeInterface $at,
    ): ?TimedOffset {
        return $this->run(Commands::offsetAt($topic, $partition, $at));
    }

    /**
     * Moves the position; partitions that an array does not name stay where they are. Returns the
     * sequence of the event that says so in respool's log: it is acted on a moment later.
     *
     * @param End|\DateTimeInterface|list<Place> $to
     */
    public function seek(string $topic, End|\DateTimeInterface|array $to): int
    {
        return $this->run(Commands::seek($topic, $to));
    }

    /**
     * Sends all commands that `build` adds, and returns a result for each. One that is refused
     * stops none of the others: its `QueueException` stands in its place.
     *
     * @param callable(Pipeline): mixed $build
     * @return list<mixed>
     */
    public function pipeline(callable $build): array
    {
        $pipeline = new Pipeline();
        $build($pipeline);
        return $pipeline->execute($this->transport);
    }

    /**
     * Records one after the other, each delivered at least once, until `until` says so. A record is
     * acknowledged when the loop asks for the next; what it leaves unfinished by `break`, `return`
     * or an exception is given back. `ack: false` is for topics without `ack: manual`, where the
     * proxy acknowledges what it delivered, and a crash loses what was in hand.
     *
     * @param (callable(): bool)|null $until
     * @return \Generator<int, Message>
     */
    public function consume(
        string $topic,
        bool $ack = true,
        int $count = 1,
        int $blockMs = 1_000,
        ?callable $until = null,
    ): \Generator {
        $isOver = $until ?? static fn () => false;
        $inHand = [];
        $failures = 0;
        try {
            while (!$isOver()) {
                try {
                    $inHand = $this->popMany($topic, $count, $blockMs);
                    $failures = 0;
                } catch (TryAgainException | ConnectionException) {
                    usleep(self::pauseUs($failures++));
                }
                while ($inHand !== [] && !$isOver()) {
                    yield $inHand[0];
                    $message = array_shift($inHand);
                    if ($ack) {
                        $this->settle($topic, $message);
                    }
                }
            }
        } finally {
            if ($ack && $inHand !== []) {
                $this->giveBack($topic, $inHand);
            }
        }
    }

    /**
     * Said twice if the first was lost, which does no harm. One that is refused for now is
     * delivered again, which is what at least once means.
     */
    private function settle(string $topic, Message $message, bool $again = true): void
    {
        try {
            $this->ack($topic, $message);
        } catch (TryAgainException) {
        } catch (ConnectionException) {
            if ($again) {
                $this->settle($topic, $message, false);
            }
        }
    }

    /** @param list<Message> $messages */
    private function giveBack(string $topic, array $messages): void
    {
        try {
            $this->nack($topic, ...$messages);
        } catch (\RuntimeException) {
            // They are delivered again all the same, only later.
        }
    }

    private function run(Command $command): mixed
    {
        return ($command->read)($this->transport->send($command->words));
    }

    /**
     * A pop that waits, as pops that each wait half as long at most as the client takes a silent
     * connection for alive.
     *
     * @param callable(?int): Command $command
     */
    private function wait(callable $command, ?int $blockMs): mixed
    {
        if ($blockMs === null) {
            return $this->run($command(null));
        }
        $partMs = max(1, min(self::PART_MS_MAX, intdiv($this->transport->patienceMs(), 2)));
        $end = $blockMs === 0 ? PHP_INT_MAX : self::nowMs() + $blockMs;
        do {
            // At least 1 ms, for 0 would be for ever.
            $found = $this->run($command(max(1, min($partMs, $end - self::nowMs()))));
        } while (($found === null || $found === []) && self::nowMs() < $end);
        return $found;
    }

    private static function nowMs(): int
    {
        return intdiv(hrtime(true), 1_000_000);
    }

    /** Twice as long at each failure in a row, and spread so that many do not meet. */
    private static function pauseUs(int $failures): int
    {
        $base = min(self::PAUSE_US['first'] * 2 ** min($failures, 10), self::PAUSE_US['max']);
        return $base + random_int(0, intdiv($base, 2));
    }
}
