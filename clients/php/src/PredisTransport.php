<?php
/** A client of Predis as a transport. Only what Predis 1.1, 2 and 3 have in common is used. */

declare(strict_types=1);

namespace Respool\Queues;

use Predis\ClientInterface;
use Predis\Command\RawCommand;
use Predis\CommunicationException;
use Predis\Pipeline\Pipeline as PredisPipeline;
use Predis\Response\ErrorInterface;
use Predis\Response\ServerException;

final class PredisTransport implements Transport
{
    public function __construct(private readonly ClientInterface $client)
    {
    }

    public function send(array $words): mixed
    {
        try {
            $reply = $this->client->executeCommand(RawCommand::create(...$words));
        } catch (ServerException $refusal) {
            throw QueueException::of($refusal->getMessage(), $refusal);
        } catch (CommunicationException $lost) {
            throw new ConnectionException($lost->getMessage(), 0, $lost);
        }
        // A client with the option `exceptions` off returns refusals.
        return $reply instanceof ErrorInterface
            ? throw QueueException::of($reply->getMessage())
            : $reply;
    }

    public function sendAll(array $commands): array
    {
        // That of Predis cuts the connection at the first refusal, and the other replies are lost.
        $pipeline = new class ($this->client) extends PredisPipeline {
            protected function throwServerExceptions()
            {
                return false;
            }
        };
        foreach ($commands as $words) {
            $pipeline->executeCommand(RawCommand::create(...$words));
        }
        $read = static fn (mixed $reply) => $reply instanceof ErrorInterface
            ? QueueException::of($reply->getMessage())
            : $reply;
        try {
            return array_map($read, $pipeline->execute());
        } catch (CommunicationException $lost) {
            throw new ConnectionException($lost->getMessage(), 0, $lost);
        }
    }

    public function patienceMs(): int
    {
        $connection = $this->client->getConnection();
        $set = method_exists($connection, 'getParameters')
            ? $connection->getParameters()->read_write_timeout
            : null;
        // Predis leaves it to PHP when it is not set, and has no bound at 0 or less.
        $seconds = (float) ($set ?? ini_get('default_socket_timeout'));
        return $seconds > 0 ? (int) ($seconds * 1000) : PHP_INT_MAX;
    }
}
