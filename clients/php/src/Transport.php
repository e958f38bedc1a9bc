<?php
/** What queues need of a client: words there, replies back. */

declare(strict_types=1);

namespace Respool\Queues;

interface Transport
{
    /**
     * One command. Bulk strings come as strings, lists as arrays, nil as null.
     *
     * @param list<string> $words
     * @throws QueueException for an error reply
     * @throws ConnectionException when there is no knowing; the next command connects anew
     */
    public function send(array $words): mixed;

    /**
     * Commands sent in one go. An error reply is a `QueueException` in the place of its command.
     *
     * @param list<list<string>> $commands
     * @return list<mixed>
     * @throws ConnectionException
     */
    public function sendAll(array $commands): array;

    /** How long a command may wait before the client takes the connection for dead; in ms. */
    public function patienceMs(): int;
}
