<?php
/** Queue commands gathered, to be sent without waiting for each other's replies. */

declare(strict_types=1);

namespace Respool\Queues;

final class Pipeline
{
    /** So many commands, or so many bytes, are on their way before replies are read. */
    private const COMMANDS_MAX = 500;
    private const BYTES_MAX = 262_144;

    /** @var list<Command> */
    private array $commands = [];

    public function push(
        string $topic,
        string $content,
        ?string $key = null,
        ?int $partition = null,
    ): self {
        return $this->add(Commands::push($topic, $content, $key, $partition));
    }

    public function pop(string $topic): self
    {
        return $this->add(Commands::pop($topic));
    }

    public function popMany(string $topic, int $count): self
    {
        return $this->add(Commands::popMany($topic, $count));
    }

    public function popFrom(
        string $topic,
        int $partition,
        int $offset,
        ?int $bytesMax = null,
    ): self {
        return $this->add(Commands::popFrom($topic, $partition, $offset, $bytesMax));
    }

    public function ack(string $topic, Place ...$places): self
    {
        return $this->add(Commands::ack($topic, ...$places));
    }

    public function nack(string $topic, Place ...$places): self
    {
        return $this->add(Commands::nack($topic, ...$places));
    }

    public function lag(string $topic): self
    {
        return $this->add(Commands::lag($topic));
    }

    public function partitions(string $topic): self
    {
        return $this->add(Commands::partitions($topic));
    }

    public function offsetAt(string $topic, int $partition, End|\DateTimeInterface $at): self
    {
        return $this->add(Commands::offsetAt($topic, $partition, $at));
    }

    /** @param End|\DateTimeInterface|list<Place> $to */
    public function seek(string $topic, End|\DateTimeInterface|array $to): self
    {
        return $this->add(Commands::seek($topic, $to));
    }

    /**
     * @internal
     * @return list<mixed>
     */
    public function execute(Transport $transport): array
    {
        $results = [];
        foreach ($this->parts() as $part) {
            $words = array_map(static fn (Command $command) => $command->words, $part);
            foreach ($transport->sendAll($words) as $at => $reply) {
                $isRefused = $reply instanceof QueueException;
                $results[] = $isRefused ? $reply : ($part[$at]->read)($reply);
            }
        }
        return $results;
    }

    /**
     * Nothing is read while a part is written: were it too large, the proxy would wait for us to
     * read and we for it.
     *
     * @return iterable<list<Command>>
     */
    private function parts(): iterable
    {
        $part = [];
        $bytes = 0;
        foreach ($this->commands as $command) {
            $part[] = $command;
            $bytes += array_sum(array_map(strlen(...), $command->words));
            if (count($part) >= self::COMMANDS_MAX || $bytes >= self::BYTES_MAX) {
                yield $part;
                [$part, $bytes] = [[], 0];
            }
        }
        if ($part !== []) {
            yield $part;
        }
    }

    private function add(Command $command): self
    {
        $this->commands[] = $command;
        return $this;
    }
}
