<?php
/**
 * Queues by the transport that argv names, `socket` or `predis`, against a proxy: a job in from
 * standard input, a line out a check. Predis is looked for in the folder RESPOOL_TEST_PREDIS.
 */

declare(strict_types=1);

use Respool\Queues\ConnectionException;
use Respool\Queues\End;
use Respool\Queues\NoPermissionException;
use Respool\Queues\OutOfRangeException;
use Respool\Queues\Place;
use Respool\Queues\PredisTransport;
use Respool\Queues\QueueException;
use Respool\Queues\Queues;
use Respool\Queues\SocketTransport;
use Respool\Queues\Transport;

// Predis 1.1 was written before PHP 8.2 and is told so; nothing else may be said.
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(static fn (int $code, string $what, string $file, int $line) =>
    (error_reporting() & $code) === 0
        ? false
        : throw new ErrorException($what, 0, $code, $file, $line));

require __DIR__ . '/../src/load.php';

/** `timeout` in seconds; a token alone is a login. */
function transport(array $job, string $token, float $timeout = 10.0): Transport
{
    global $argv;
    if ($argv[1] === 'socket') {
        $address = "{$job['host']}:{$job['port']}";
        return SocketTransport::connect("redis://:{$token}@{$address}", $timeout);
    }
    require_once getenv('RESPOOL_TEST_PREDIS') . '/Predis/Autoloader.php';
    Predis\Autoloader::register();
    return new PredisTransport(new Predis\Client([
        'host' => $job['host'],
        'port' => $job['port'],
        'password' => $token,
        'read_write_timeout' => $timeout,
    ]));
}

function same(mixed $found, mixed $wanted): void
{
    if ($found != $wanted || gettype($found) !== gettype($wanted)) {
        throw new LogicException(var_export($found, true) . ' is not ' . var_export($wanted, true));
    }
}

/** @param class-string $kind */
function refused(string $kind, string $word, callable $act): void
{
    try {
        $result = $act();
    } catch (QueueException $refusal) {
        same([$refusal::class, $refusal->word], [$kind, $word]);
        same(str_starts_with($refusal->getMessage(), $word), false);
        return;
    }
    throw new LogicException(var_export($result, true) . " instead of {$word}");
}

/** @param list<object> $messages */
function contents(array $messages): array
{
    return array_map(static fn ($message) => $message->content, $messages);
}

$checks = [
    'records' => function (Queues $queues): void {
        $bytes = implode('', array_map(chr(...), range(0, 255))) . "\r\n$3\r\n";
        $place = $queues->push('log', $bytes);
        [$message] = $queues->popFrom('log', $place->partition, $place->offset);
        same([$message->partition, $message->offset], [$place->partition, $place->offset]);
        same($message->content, $bytes);
        same($queues->push('log', 'chosen', partition: 2)->partition, 2);
        $keyed = [];
        for ($n = 0; $n < 8; $n++) {
            $keyed[$queues->push('log', "keyed {$n}", key: 'one key')->partition] = true;
        }
        same(count($keyed), 1);
        $first = $queues->push('log', '', key: "\0", partition: 1);
        $queues->push('log', str_repeat('long ', 100_000), partition: 1);
        $both = $queues->popFrom('log', 1, $first->offset, bytesMax: 1_000_000);
        same(array_map(strlen(...), contents($both)), [0, 500_000]);
        same($queues->popFrom('log', 1, $first->offset + 2), []);
    },
    'tombstones' => function (Queues $queues): void {
        same(contents($queues->popFrom('past', 0, 0, bytesMax: 1_000)), ['kept', null]);
    },
    'places' => function (Queues $queues): void {
        same($queues->partitions('log'), [0, 1, 2]);
        $before = new DateTimeImmutable('-1 millisecond');
        $offset = $queues->push('log', 'timed', partition: 0)->offset;
        $found = $queues->offsetAt('log', 0, $before);
        same($found?->offset, $offset);
        same(abs((float) $found->time->format('U.v') - (float) $before->format('U.v')) < 60, true);
        same($queues->offsetAt('log', 0, End::Latest)?->offset, $offset + 1);
        same($queues->offsetAt('log', 0, End::Latest)?->time, null);
        same($queues->offsetAt('log', 0, End::Earliest)?->offset, 0);
        same($queues->offsetAt('log', 0, new DateTimeImmutable('+1 hour')), null);
    },
    'pipelines' => function (Queues $queues): void {
        $results = $queues->pipeline(function ($pipe): void {
            for ($n = 0; $n < 1_200; $n++) {
                $pipe->push('log', "piped {$n}", partition: 1);
            }
            $pipe->push('no-such-topic', 'x')->partitions('log');
        });
        [$refused, $partitions] = array_splice($results, 1_200);
        $offsets = array_map(static fn ($place) => $place->offset, $results);
        same($offsets, range($offsets[0], $offsets[0] + 1_199));
        same([$refused::class, $refused->word], [QueueException::class, 'ERR']);
        same($partitions, [0, 1, 2]);
    },
    'refusals' => function (Queues $queues, array $job): void {
        $far = fn () => $queues->popFrom('log', 0, 10 ** 9);
        refused(OutOfRangeException::class, 'OUTOFRANGE', $far);
        refused(QueueException::class, 'ERR', fn () => $queues->push('no-such-topic', 'x'));
        refused(QueueException::class, 'ERR', fn () => $queues->push('log', 'x', partition: 99));
        $stranger = new Queues(transport($job, $job['strangerToken']));
        refused(NoPermissionException::class, 'NOPERM', fn () => $stranger->push('log', 'x'));
    },
    'tls' => function (Queues $queues, array $job): void {
        $url = "rediss://:{$job['token']}@localhost:{$job['tlsPort']}";
        $tls = ['cafile' => $job['authorityFile']];
        $encrypted = new Queues(SocketTransport::connect($url, tls: $tls));
        same($encrypted->partitions('log'), [0, 1, 2]);
        try {
            SocketTransport::connect($url);
        } catch (ConnectionException) {
            return;
        }
        throw new LogicException('a certificate of nobody known was accepted');
    },
    'positions' => function (Queues $queues, array $job): void {
        same($queues->pop('work'), null);
        same($queues->popMany('work', 5), []);
        for ($n = 0; $n < 4; $n++) {
            $places[] = $queues->push('work', "work {$n}");
        }
        $first = $queues->pop('work');
        same([$first->offset, $first->content], [$places[0]->offset, 'work 0']);
        same(contents($queues->popMany('work', 2)), ['work 1', 'work 2']);
        same(contents($queues->popMany('work', 9, blockMs: 0)), ['work 3']);
        [$lag] = $queues->lag('work');
        same([$lag->partition, $lag->end], [0, $places[3]->offset + 1]);
        // A client that would give up on a single pop of that length.
        $hasty = new Queues(transport($job, $job['token'], 2.0));
        same($hasty->pop('work', blockMs: 2_500), null);
        $queues->push('work', 'late');
        same($hasty->pop('work', blockMs: 20_000)?->content, 'late');
    },
    'settlement' => function (Queues $queues): void {
        for ($n = 0; $n < 3; $n++) {
            $queues->push('jobs', "job {$n}");
        }
        [$one, $two, $three] = $queues->popMany('jobs', 3);
        same($queues->ack('jobs', $one), 1);
        same($queues->nack('jobs', $two), 1);
        same($queues->pop('jobs'), $two);
        same($queues->ack('jobs', $two, $three), 2);
        same($queues->ack('jobs', new Place($three->partition, $three->offset)), 0);
        same([$queues->ack('jobs'), $queues->nack('jobs')], [0, 0]);
    },
    'consumers' => function (Queues $queues): void {
        for ($n = 0; $n < 5; $n++) {
            $queues->push('jobs', "consumed {$n}");
        }
        $seen = [];
        foreach ($queues->consume('jobs', count: 2) as $message) {
            $seen[] = $message->content;
            if (count($seen) === 3) {
                break;
            }
        }
        // The third was in hand when the loop was left, so it comes again.
        $until = function () use (&$seen): bool {
            return count($seen) === 6;
        };
        foreach ($queues->consume('jobs', count: 2, blockMs: 100, until: $until) as $message) {
            $seen[] = $message->content;
        }
        same($seen, array_map(static fn ($n) => "consumed {$n}", [0, 1, 2, 2, 3, 4]));
        same($queues->pop('jobs'), null);
    },
    'losses' => function (Queues $queues, array $job): void {
        $queues->push('jobs', 'before');
        $seen = [];
        $until = function () use (&$seen): bool {
            return count($seen) === 2;
        };
        foreach ($queues->consume('jobs', until: $until) as $message) {
            $seen[] = $message->content;
            if (count($seen) === 1) {
                $other = transport($job, $job['token']);
                $other->send(['CLIENT', 'KILL', 'TYPE', 'normal']);
                (new Queues($other))->push('jobs', 'after');
            }
        }
        same($seen, ['before', 'after']);
        same($queues->pop('jobs'), null);
    },
    'seeks' => function (Queues $queues): void {
        $place = $queues->push('sought', 'again');
        $queues->push('sought', 'and again');
        same($queues->pop('sought')?->content, 'again');
        $seek = function (mixed $to, int $position) use ($queues): void {
            same($queues->seek('sought', $to) > 0, true);
            // Whoever keeps the position acts on it a moment later.
            while ($queues->lag('sought')[0]->position !== $position) {
                usleep(20_000);
            }
        };
        $seek(End::Latest, $place->offset + 2);
        same($queues->pop('sought'), null);
        $seek([$place], $place->offset);
        same(contents($queues->popMany('sought', 9)), ['again', 'and again']);
        $seek(new DateTimeImmutable('-1 hour'), 0);
        same($queues->pop('sought')?->offset, $place->offset);
    },
];

$job = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
foreach ($job['checks'] as $name) {
    $detail = '';
    try {
        $checks[$name](new Queues(transport($job, $job['token'])), $job);
    } catch (Throwable $wrong) {
        $detail = substr((string) $wrong, 0, 2_000);
    }
    $line = ['check' => $name, 'ok' => $detail === '', 'detail' => $detail];
    echo json_encode($line, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
