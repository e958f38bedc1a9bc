<?php
/** The queue commands as values: the words that are sent, and how the reply is read. */

declare(strict_types=1);

namespace Respool\Queues;

/** `words` begin with the command's name. */
final class Command
{
    /** @param list<string> $words */
    public function __construct(public readonly array $words, public readonly \Closure $read)
    {
    }
}

/** Places in a log that have no number of their own. */
enum End: string
{
    case Earliest = 'earliest';
    case Latest = 'latest';
}

final class Commands
{
    public static function push(
        string $topic,
        string $content,
        ?string $key = null,
        ?int $partition = null,
    ): Command {
        $place = $partition === null ? [] : [(string) $partition];
        $keyed = $key === null ? [] : ['KEY', $key];
        $read = static fn (array $reply) => new Place((int) $reply[0], (int) $reply[1]);
        return new Command(['KPUSH', $topic, ...$place, $content, ...$keyed], $read);
    }

    public static function pop(string $topic, ?int $blockMs = null): Command
    {
        $read = static fn (?array $reply) => self::messages($reply)[0] ?? null;
        return new Command(['KPOP', $topic, ...self::block($blockMs)], $read);
    }

    public static function popMany(string $topic, int $count, ?int $blockMs = null): Command
    {
        $words = ['KPOP', $topic, 'COUNT', (string) $count, ...self::block($blockMs)];
        return new Command($words, self::messages(...));
    }

    public static function popFrom(
        string $topic,
        int $partition,
        int $offset,
        ?int $bytesMax = null,
    ): Command {
        $bound = $bytesMax === null ? [] : [(string) $bytesMax];
        $words = ['KPOP', $topic, (string) $partition, (string) $offset, ...$bound];
        return new Command($words, self::messages(...));
    }

    public static function ack(string $topic, Place ...$places): Command
    {
        return new Command(['KACK', $topic, ...self::placeWords($places)], intval(...));
    }

    public static function nack(string $topic, Place ...$places): Command
    {
        return new Command(['KNACK', $topic, ...self::placeWords($places)], intval(...));
    }

    public static function lag(string $topic): Command
    {
        $read = static fn (array $reply) => array_map(
            static fn (array $four) => new Lag(...array_map(intval(...), $four)),
            array_chunk($reply, 4),
        );
        return new Command(['KLAG', $topic], $read);
    }

    public static function partitions(string $topic): Command
    {
        $read = static fn (array $reply) => array_map(intval(...), $reply);
        return new Command(['KPARTITIONS', $topic], $read);
    }

    public static function offsetAt(
        string $topic,
        int $partition,
        End|\DateTimeInterface $at,
    ): Command {
        $time = match ($at) {
            End::Latest => '-1',
            End::Earliest => '-2',
            default => self::ms($at),
        };
        $read = static function (array $reply) use ($at): ?TimedOffset {
            [$offset, $ms] = array_map(intval(...), $reply);
            if ($at instanceof End) {
                return new TimedOffset($offset, null);
            }
            return $offset < 0 ? null : new TimedOffset($offset, self::time($ms));
        };
        return new Command(['KOFFSET', $topic, (string) $partition, $time], $read);
    }

    /** @param End|\DateTimeInterface|list<Place> $to */
    public static function seek(string $topic, End|\DateTimeInterface|array $to): Command
    {
        $target = match (true) {
            $to instanceof End => [$to->value],
            $to instanceof \DateTimeInterface => [self::ms($to)],
            default => self::placeWords($to),
        };
        return new Command(['KSEEK', $topic, ...$target], intval(...));
    }

    /** @return list<string> */
    private static function block(?int $blockMs): array
    {
        return $blockMs === null ? [] : ['BLOCK', (string) $blockMs];
    }

    /**
     * @param array<Place> $places
     * @return list<string>
     */
    private static function placeWords(array $places): array
    {
        $words = [];
        foreach ($places as $place) {
            array_push($words, (string) $place->partition, (string) $place->offset);
        }
        return $words;
    }

    /**
     * Nothing at all is nil where a position is kept, an empty list where none is.
     *
     * @return list<Message>
     */
    private static function messages(?array $reply): array
    {
        $triples = array_chunk($reply ?? [], 3);
        return array_map(
            static fn (array $one) => new Message((int) $one[0], (int) $one[1], $one[2]),
            $triples,
        );
    }

    private static function ms(\DateTimeInterface $at): string
    {
        return $at->format('Uv');
    }

    private static function time(int $ms): \DateTimeImmutable
    {
        $seconds = sprintf('%d.%03d', intdiv($ms, 1000), $ms % 1000);
        return \DateTimeImmutable::createFromFormat('U.v', $seconds);
    }
}
