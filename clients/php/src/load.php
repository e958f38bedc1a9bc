<?php
/** All of it, for programs without Composer, and what Composer loads. */

declare(strict_types=1);

require_once __DIR__ . '/Errors.php';
require_once __DIR__ . '/Messages.php';
require_once __DIR__ . '/Commands.php';
require_once __DIR__ . '/Transport.php';
require_once __DIR__ . '/SocketTransport.php';
require_once __DIR__ . '/Pipeline.php';
require_once __DIR__ . '/Queues.php';

// Its parent classes are looked for when it is used, and not before.
spl_autoload_register(static function (string $class): void {
    if ($class === 'Respool\Queues\PredisTransport') {
        require_once __DIR__ . '/PredisTransport.php';
    }
});
