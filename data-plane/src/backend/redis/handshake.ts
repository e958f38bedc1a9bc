/** What is said on a new connection before any client's command: who we are, which protocol, which database. */
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyDecoder } from '../../resp/reply-decoder.ts';
import type { Resp } from '../../resp/resp.ts';
import type { Protocol } from '../../state.ts';
import { readVersion } from './server-version.ts';
import type { Wire } from './wire.ts';

export interface Greeting {
  readonly protocol: Protocol;
  readonly database: number;
  readonly username: string | null;
  readonly password: string | null;
  /** Reads of a replica are to be answered, not redirected: READONLY. */
  readonly reader: boolean;
  /** CLIENT SETNAME, so that the server's operator sees whose connection it is. */
  readonly name: string;
}

/**
 * Resolves when the server accepted all it must, with its Redis version, null where it told none;
 * rejects with its own words otherwise (the password is never in them), or after `timeoutMs`.
 */
export async function greet(
  wire: Wire,
  greeting: Greeting,
  timeoutMs: number,
): Promise<string | null> {
  const needed = requestsOf(greeting);
  // A server that refuses any of these still serves: RESP3 has said HELLO, and more, already.
  const wished = [encodeRequest(['CLIENT', 'SETNAME', greeting.name])];
  if (greeting.protocol === 2) wished.push(encodeRequest(['HELLO', '2']));
  const count = needed.length + wished.length;
  const replies = await exchange(wire, Buffer.concat([...needed, ...wished]), count, timeoutMs);
  for (const reply of replies.slice(0, needed.length)) {
    if (reply.type === 'error') throw new Error(`handshake refused: ${reply.text}`);
  }
  return readVersion((greeting.protocol === 2 ? replies.at(-1) : replies[0]) as Resp);
}

/** Who we are and which protocol: at most one request. */
export function loginOf({ protocol, username, password }: Greeting): Buffer[] {
  if (protocol === 3) {
    const login = password === null ? [] : ['AUTH', username ?? 'default', password];
    return [encodeRequest(['HELLO', '3', ...login])];
  }
  if (password === null) return [];
  return [encodeRequest(['AUTH', ...(username === null ? [] : [username]), password])];
}

function requestsOf(greeting: Greeting): Buffer[] {
  const { database, reader } = greeting;
  const requests = loginOf(greeting);
  if (database !== 0) requests.push(encodeRequest(['SELECT', String(database)]));
  if (reader) requests.push(encodeRequest(['READONLY']));
  // PING tells a server that demands AUTH, or is still loading, from one that is ready.
  requests.push(encodeRequest(['PING']));
  return requests;
}

/** `count` replies to `bytes`, in order; rejects when the connection ends or after `timeoutMs`. */
export function exchange(
  wire: Wire,
  bytes: Buffer,
  count: number,
  timeoutMs: number,
): Promise<Resp[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Resp[]>();
  const decoder = new ReplyDecoder(1024 * 1024);
  const replies: Resp[] = [];
  const timer = setTimeout(() => reject(new Error('handshake timed out')), timeoutMs);
  wire.onClose = (reason) => reject(new Error(reason));
  wire.onBytes = (chunk, start, end) => {
    try {
      replies.push(...decoder.feed(chunk.subarray(start, end)));
    } catch (error) {
      reject(error as Error);
    }
    if (replies.length >= count) resolve(replies);
    return end;
  };
  wire.socket.write(bytes);
  return promise.finally(() => clearTimeout(timer));
}
