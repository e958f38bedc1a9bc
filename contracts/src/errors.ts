/** Every error code of the product, with its HTTP status, RESP prefix and whether a retry is safe. */

/** Who can mend it: the caller, the server behind us, or we ourselves. */
export type ErrorOrigin = 'client' | 'backend' | 'proxy' | 'control-plane';

export interface ErrorFacts {
  readonly origin: ErrorOrigin;
  /** Status in the API; null where the API never says it. */
  readonly http: number | null;
  /** First word of the RESP error; null where a proxy never says it. */
  readonly resp: string | null;
  /** Whether sending the same request again can do no harm. */
  readonly retrySafe: boolean;
}

const client = (http: number | null, resp: string | null): ErrorFacts => ({
  origin: 'client',
  http,
  resp,
  retrySafe: false,
});

export const errors = {
  // The API
  'body-invalid': client(400, null),
  'query-invalid': client(400, null),
  'path-invalid': client(400, null),
  'header-invalid': client(400, null),
  'media-type-unsupported': client(415, null),
  'body-too-large': client(413, null),
  'token-missing': client(401, null),
  'token-unknown': client(401, null),
  'not-found': client(404, null),
  'already-exists': client(409, null),
  'conflict-reference': client(409, null),
  'conflict-isolation': client(409, null),
  'conflict-topic': client(409, null),
  'databases-exhausted': client(409, null),
  'event-too-large': client(413, null),
  'etag-mismatch': client(412, null),
  'idempotency-reused': client(422, null),
  'method-not-allowed': client(405, null),
  'sequence-in-future': client(400, null),
  'kafka-topic-unknown': client(409, null),
  'kafka-denied': { origin: 'backend', http: 502, resp: null, retrySafe: false },
  'log-contended': { origin: 'control-plane', http: 503, resp: null, retrySafe: true },
  'log-unreachable': { origin: 'control-plane', http: 503, resp: null, retrySafe: true },
  'log-corrupt': { origin: 'control-plane', http: 500, resp: null, retrySafe: false },
  'request-deadline': { origin: 'control-plane', http: 503, resp: null, retrySafe: true },
  internal: { origin: 'control-plane', http: 500, resp: null, retrySafe: false },
  // The wire
  'protocol-error': client(null, 'ERR'),
  'unknown-command': client(null, 'ERR'),
  'wrong-arity': client(null, 'ERR'),
  'not-authenticated': client(null, 'NOAUTH'),
  'wrong-password': client(null, 'WRONGPASS'),
  'protocol-version': client(null, 'NOPROTO'),
  'read-only': client(null, 'NOPERM'),
  'command-refused': client(null, 'ERR'),
  'backend-not-allowed': client(null, 'NOPERM'),
  'database-out-of-range': client(null, 'ERR'),
  'cross-slot': client(null, 'CROSSSLOT'),
  'no-route': { origin: 'proxy', http: null, resp: 'ERR', retrySafe: true },
  'backend-unavailable': { origin: 'backend', http: null, resp: 'ERR', retrySafe: true },
  'backend-deadline': { origin: 'backend', http: null, resp: 'ERR', retrySafe: false },
  'outcome-unknown': { origin: 'backend', http: null, resp: 'ERR', retrySafe: false },
  'fan-out-half-failed': { origin: 'backend', http: null, resp: 'ERR', retrySafe: false },
  'argument-invalid': client(null, 'ERR'),
  'topic-unknown': client(null, 'ERR'),
  'topic-disabled': client(null, 'ERR'),
  'topic-not-granted': client(null, 'NOPERM'),
  'partition-unknown': client(null, 'ERR'),
  'offset-out-of-range': client(null, 'OUTOFRANGE'),
  'topic-not-manual': client(null, 'ERR'),
  'position-unavailable': { origin: 'proxy', http: null, resp: 'TRYAGAIN', retrySafe: true },
  'verdict-in-doubt': { origin: 'proxy', http: null, resp: 'TRYAGAIN', retrySafe: false },
  'window-full': { origin: 'client', http: null, resp: 'TRYAGAIN', retrySafe: true },
  'seek-refused': client(null, 'ERR'),
  'seek-in-doubt': { origin: 'control-plane', http: null, resp: 'TRYAGAIN', retrySafe: false },
  'record-refused': client(null, 'ERR'),
  'push-in-doubt': { origin: 'backend', http: null, resp: 'INDOUBT', retrySafe: false },
  'proxy-overloaded': { origin: 'proxy', http: null, resp: 'ERR', retrySafe: true },
  // Both
  'kafka-refused': { origin: 'backend', http: 502, resp: 'ERR', retrySafe: false },
  'kafka-unavailable': { origin: 'backend', http: 503, resp: 'TRYAGAIN', retrySafe: true },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof errors;
