<?php
/** RESP2 over a plain socket of PHP: no extension and no package is needed. */

declare(strict_types=1);

namespace Respool\Queues;

/** A connection that is lost is made anew by the next command; what was lost is not sent again. */
final class SocketTransport implements Transport
{
    /** @var resource|null */
    private $stream = null;

    private function __construct(
        private readonly string $address,
        private readonly array $login,
        private readonly float $timeout,
        private readonly array $tls,
    ) {
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
        $login = array_filter([$parts['user'] ?? '', $parts['pass'] ?? ''], strlen(...));
        $login = array_map(rawurldecode(...), array_values($login));
        $transport = new self($address, $login, $timeout, $tls);
        $transport->open();
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
        if ($this->stream !== null) {
            fclose($this->stream);
            $this->stream = null;
        }
    }

    private function open(): void
    {
        $options = ['socket' => ['tcp_nodelay' => true], 'ssl' => $this->tls];
        $context = stream_context_create($options);
        $how = STREAM_CLIENT_CONNECT;
        $to = $this->address;
        $stream = @stream_socket_client($to, $code, $why, $this->timeout, $how, $context);
        if ($stream === false) {
            throw new ConnectionException("no connection to {$to}: {$why}");
        }
        $seconds = (int) $this->timeout;
        stream_set_timeout($stream, $seconds, (int) (($this->timeout - $seconds) * 1_000_000));
        $this->stream = $stream;
        if ($this->login === []) {
            return;
        }
        try {
            $this->send(['AUTH', ...$this->login]);
        } catch (QueueException $refusal) {
            $this->close();
            throw $refusal;
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
        if ($this->stream === null) {
            $this->open();
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
