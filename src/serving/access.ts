// Who may use the server: the API key, and pages in a browser. Knows headers, not what is asked for.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { ApiError } from './api-error.ts';

/** Throws 401 unless the request brings the key; the comparison takes as long for every wrong key. */
export function requireKey(headers: IncomingHttpHeaders, key: string): void {
  const [, given] = /^Bearer +(.+)$/i.exec(headers.authorization ?? '') ?? [];
  if (given === undefined) {
    throw new ApiError(
      401,
      "You didn't provide an API key. You need to provide it in an Authorization header using Bearer auth " +
        '(i.e. Authorization: Bearer YOUR_KEY).',
    );
  }
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(given.trim()), digest(key)))
    throw new ApiError(401, 'Incorrect API key provided.', { code: 'invalid_api_key' });
}

/** Whether a server that listens there can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/**
 * Throws 403 for a page in a browser that must not use the server: one from another origin than those allowed, and,
 * on a loopback server, one that reaches it under a name of its own (DNS rebinding).
 */
export function refuseForeignPages(
  headers: IncomingHttpHeaders,
  { loopback, origins }: { loopback: boolean; origins: readonly string[] },
): void {
  const { host = '', origin } = headers;
  if (loopback && !isLoopback(host.replace(/:\d+$/, '')))
    throw new ApiError(403, `This server is not reached under the name '${host}'.`, {
      code: 'host_not_allowed',
    });
  if (origin === undefined || allowedOrigin(origin, origins) !== null || origin === `http://${host}`) return;
  throw new ApiError(
    403,
    `Pages of '${origin}' may not use this server (its option cors_origin allows them).`,
    {
      code: 'origin_not_allowed',
    },
  );
}

/** What to answer in Access-Control-Allow-Origin; null: nothing. */
export const allowedOrigin = (origin: string | undefined, origins: readonly string[]): string | null =>
  origin === undefined || !(origins.includes('*') || origins.includes(origin)) ? null : origin;
