/** The control plane's HTTP API as an operator's program calls it: fetch and a bearer token. */

import { patienceMs, until } from './until.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly deadlineMs?: number;
  /** Sent as it is instead of JSON. */
  readonly rawBody?: Uint8Array<ArrayBuffer> | string;
}

export class Api {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** One request; any status is an answer, only a broken connection or the deadline throws. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<ApiAnswer> {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      url.searchParams.set(name, String(value));
    }
    const payload = options.rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      signal: AbortSignal.timeout(options.deadlineMs ?? patienceMs),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  /** Like {@link request}, throwing what is not 2xx with the answer in the message. */
  async ok(
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<ApiAnswer> {
    const answer = await this.request(method, path, body, options);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  get(path: string, options?: CallOptions): Promise<ApiAnswer> {
    return this.ok('GET', path, undefined, options);
  }

  put(path: string, body: unknown, options?: CallOptions): Promise<ApiAnswer> {
    return this.ok('PUT', path, body, options);
  }

  /** PUT that answers only after every proxy serves with it; throws when they do not in time. */
  async putApplied(path: string, body: unknown, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#applied(await this.put(path, body, { ...options, query: waitForAll }), path);
  }

  /** PATCH, waiting likewise. */
  async patchApplied(path: string, body: unknown): Promise<ApiAnswer> {
    return this.#applied(await this.ok('PATCH', path, body, { query: waitForAll }), path);
  }

  /** DELETE, waiting likewise. */
  async deleteApplied(path: string): Promise<ApiAnswer> {
    return this.#applied(await this.ok('DELETE', path, undefined, { query: waitForAll }), path);
  }

  /** A multi-entity change, waiting likewise. */
  async changeApplied(changes: readonly unknown[], reason = 'e2e'): Promise<ApiAnswer> {
    const path = '/v1/changes';
    const answer = await this.ok('POST', path, { changes, reason }, { query: waitForAll });
    return this.#applied(answer, path);
  }

  /** 202 means "stored, but not every proxy confirmed in time": those that may yet are waited for. */
  async #applied(answer: ApiAnswer, path: string): Promise<ApiAnswer> {
    if (answer.status !== 202) return answer;
    const body = answer.body as { readonly sequence: number; readonly rollout: object };
    const rollout = await until(
      async () => {
        const now = (await this.get(`/v1/rollouts/${body.sequence}`)).body as Rollout;
        return now.complete || now.rejected.length > 0 ? now : null;
      },
      { what: `${path} to be applied`, everyMs: 100 },
    );
    const told = { ...body, rollout: { ...body.rollout, ...rollout, reached: true } };
    if (rollout.complete) return { ...answer, body: told };
    throw new Error(`${path} was not applied: ${JSON.stringify(rollout)}`);
  }
}

interface Rollout {
  readonly complete: boolean;
  readonly rejected: readonly object[];
}

/** As long as the API waits at most. */
export const waitForAll = { wait: 'applied', quorum: 'all', timeout: '10s' } as const;

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
