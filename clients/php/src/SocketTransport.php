<?php
/** RESP2 over a plain socket of PHP: no extension and no package is needed. */

declare(strict_types=1);

namespace Respool\Queues;

final class SocketTransport implements Transport
{
    /** @param resource $stream */
    private function __construct(private $stream, private readonly float $timeout)
    {
    }

    /**
     * Connects and logs in.
     *
     * @param string $url `redis://user:password@host:port`, `rediss://` with TLS; user and password
     *                    percent-encoded. A password without a user is a token.
     * @param float $timeout seconds for the connection, and for each reply
     * @param array $tls options of PHP's `ssl` stream context, such as `cafile`
     * @throws ConnectionException
     * @throws QueueException when the login is refused
     */
    public static function connect(string $url, float $timeout = 10.0, array $tls = []): self
    {
        $parts = parse_url($url);
        $schemes = ['redis' => 'tcp', 'rediss' => 'tls'];
        $scheme = $schemes[$parts['scheme'] ?? ''] ?? null;
        if ($scheme === null || !isset($parts['host'])) {
            throw new \InvalidArgumentException('a URL begins with redis://host or rediss://host');
        }
        $address = sprintf('%s://%s:%d', $scheme, $parts['host'], $parts['port'] ?? 6379);
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true], 'ssl' => $tls]);
        $flags = STREAM_CLIENT_CONNECT;
        $stream = @stream_socket_client($address, $code, $why, $timeout, $flags, $context);
        if ($stream === false) {
            throw new ConnectionException("no connection to {$address}: {$why}");
        }
        stream_set_timeout($stream, (int) $timeout, (int) (fmod($timeout, 1) * 1_000_000));
        $transport = new self($stream, $timeout);
        $login = array_filter([$parts['user'] ?? '', $parts['pass'] ?? ''], strlen(...));
        if ($login !== []) {
            $transport->send(['AUTH', ...array_map(rawurldecode(...), array_values($login))]);
        }
        return $transport;
    }

    public function send(array $words): mixed
    {
        $this->write(self::encode($words));
        $reply = $this->read();
        return $reply instanceof QueueException ? throw $reply : $reply;
    }

    public function sendAll(array $commands): array
    {
        $this->write(implode('', array_map(self::encode(...), $commands)));
        return array_map(fn () => $this->read(), $commands);
    }

    public function patienceMs(): int
    {
        return (int) ($this->timeout * 1000);
    }

    public function close(): void
    {
        if (is_resource($this->stream)) {
            fclose($this->stream);
        }
    }

    /** @param list<string> $words */
    private static function encode(array $words): string
    {
        $bulk = static fn (string $word) => '$' . strlen($word) . "\r\n{$word}\r\n";
        return '*' . count($words) . "\r\n" . implode('', array_map($bulk, $words));
    }

    private function write(string $bytes): void
    {
        if (!is_resource($this->stream)) {
            throw new ConnectionException('the connection is closed');
        }
        for ($sent = 0; $sent < strlen($bytes); $sent += $count) {
            $count = @fwrite($this->stream, substr($bytes, $sent, 65_536));
            if ($count === false || $count === 0) {
                throw $this->lost();
            }
        }
    }

    private function read(): mixed
    {
        $line = $this->line();
        $rest = substr($line, 1);
        return match ($line[0] ?? '') {
            '+' => $rest,
            '-' => QueueException::of($rest),
            ':' => (int) $rest,
            '$' => (int) $rest < 0 ? null : substr($this->take((int) $rest + 2), 0, -2),
            '*' => (int) $rest < 0 ? null : $this->items((int) $rest),
            default => throw $this->lost('something that is no reply: ' . $line),
        };
    }

    /** @return list<mixed> */
    private function items(int $count): array
    {
        $items = [];
        while (count($items) < $count) {
            $items[] = $this->read();
        }
        return $items;
    }

    private function line(): string
    {
        $line = fgets($this->stream);
        if ($line === false || !str_ends_with($line, "\r\n")) {
            throw $this->lost();
        }
        return substr($line, 0, -2);
    }

    private function take(int $count): string
    {
        $bytes = '';
        while (strlen($bytes) < $count) {
            $part = fread($this->stream, $count - strlen($bytes));
            if ($part === false || $part === '') {
                throw $this->lost();
            }
            $bytes .= $part;
        }
        return $bytes;
    }

    /** Closes too: a reply that comes late would be taken for that of the next command. */
    private function lost(?string $why = null): ConnectionException
    {
        $isLate = stream_get_meta_data($this->stream)['timed_out'];
        $this->close();
        $why ??= $isLate ? 'no reply in time' : 'the connection was closed';
        return new ConnectionException("{$why}; what was sent may have been executed");
    }
}
