// Who may use the server: the API key, and pages in a browser. Knows headers, not what is asked for.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
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

/** Names under which a server is reached. */
export interface Names {
  /** The address that it listens on. */
  readonly host: string;
  /** Further names that it is known by; "*" is any. */
  readonly allowed: readonly string[];
  /** Whether requests bring a key, which no page of a stranger has. */
  readonly hasKey: boolean;
}

/** A test of the header Host: a page that points a name of its own at the server (DNS rebinding) sends that name. */
export function hostTest({ host, allowed, hasKey }: Names): (given: string) => boolean {
  const bare = (text: string): string =>
    text
      .toLowerCase()
      .replace(/:\d+$/, '')
      .replace(/^\[|\]$/g, '');
  const known = new Set([...allowed, host, hostname()].map(bare));
  const anyName = allowed.includes('*') || (hasKey && allowed.length === 0 && !isLoopback(host));
  return (given) => {
    const name = bare(given);
    if (anyName || known.has(name) || isLoopback(name)) return true;
    // An address is nobody's name, and what is no browser may send none.
    return !isLoopback(host) && (name === '' || isIP(name) !== 0);
  };
}

/**
 * Throws 403 for a page in a browser that must not use the server: one from another origin than those allowed, and one
 * that reaches it under a name that is not the server's.
 */
export function refuseForeignPages(
  headers: IncomingHttpHeaders,
  { isHost, origins }: { isHost: (given: string) => boolean; origins: readonly string[] },
): void {
  const { host = '', origin } = headers;
  if (!isHost(host))
    throw new ApiError(
      403,
      `This server is not reached under the name '${host}' (its option allowed_hosts names others).`,
      { code: 'host_not_allowed' },
    );
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
