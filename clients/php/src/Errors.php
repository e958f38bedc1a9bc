<?php
/** What the proxy refuses, as classes: one for each first word of an error that says what to do. */

declare(strict_types=1);

namespace Respool\Queues;

/** An error reply; `word` is its first word, `ERR` for what has none of its own. */
class QueueException extends \RuntimeException
{
    public function __construct(
        public readonly string $word,
        string $text,
        ?\Throwable $cause = null,
    ) {
        parent::__construct($text, 0, $cause);
    }

    /** @param string $line an error reply without the minus sign before it */
    public static function of(string $line, ?\Throwable $cause = null): self
    {
        [$word, $text] = preg_match('/^([A-Z]+) (.*)$/s', $line, $found) === 1
            ? [$found[1], $found[2]]
            : ['ERR', $line];
        return match ($word) {
            'TRYAGAIN' => new TryAgainException($word, $text, $cause),
            'INDOUBT' => new InDoubtException($word, $text, $cause),
            'OUTOFRANGE' => new OutOfRangeException($word, $text, $cause),
            'NOPERM' => new NoPermissionException($word, $text, $cause),
            default => new self($word, $text, $cause),
        };
    }
}

/** Nothing was stored or handed out: the same command may be sent again, after a moment. */
final class TryAgainException extends QueueException
{
}

/** A record was sent to Kafka and not confirmed: pushing it again may store it twice. */
final class InDoubtException extends QueueException
{
}

/** The partition no longer has the offset, or not yet; the message says which it has. */
final class OutOfRangeException extends QueueException
{
}

/** No grant for it, or a push of a read-only user. */
final class NoPermissionException extends QueueException
{
}

/** The connection is gone or silent: what was sent on it may have been executed, or not. */
final class ConnectionException extends \RuntimeException
{
}
