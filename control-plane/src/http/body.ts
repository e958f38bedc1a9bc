/** Request bodies: JSON in valid UTF-8, or an error that says so. */
import type { App } from './app.ts';
import { ApiError } from './errors.ts';

/** Refuses what a lenient parser would repair: a replaced character is a changed password. */
export function readJsonBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, parseJson(bytes as Buffer));
    } catch (error) {
      done(error as Error, undefined);
    }
  });
}

function parseJson(bytes: Buffer): unknown {
  // Clients name the type on a DELETE as well; where a body is needed the schema says so.
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError('body-invalid', 'the body is not valid UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the text around the fault, which may be a password.
    const place = /position \d+/.exec(error instanceof Error ? error.message : '')?.[0];
    throw new ApiError('body-invalid', `the body is not JSON${place ? ` (at ${place})` : ''}`);
  }
}
