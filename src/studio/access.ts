// Who may use the studio: a secret, brought once in the link and then kept in a cookie. Knows headers and the file of the
// secret, not what is asked for.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { chmod, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ignore, makeFolder, replaceFile } from '../durable/files.ts';

export interface Access {
  /** Whether the text is the secret. */
  isSecret(given: string): boolean;
  /** Whether a request may ask: by its cookie, or by the secret as a bearer token. */
  mayAsk(headers: IncomingHttpHeaders): boolean;
  /** The value of Set-Cookie for a browser that brought the secret. */
  cookie(): string;
}

/** `port` tells studios of one machine apart: browsers send a host's cookies to all of its ports. */
export function accessBy(secret: string, port: () => number): Access {
  const digest = (text: string): Buffer => createHmac('sha256', secret).update(text).digest();
  const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
  // The cookie does not tell the secret, which may be the key of others too.
  const ticket = digest('cookie').toString('hex');
  const name = (): string => `whetstone_studio_${port()}`;
  return {
    isSecret: (given) => same(given, secret),
    mayAsk: ({ cookie = '', authorization = '' }) => {
      const [, bearer] = /^Bearer +(.+)$/i.exec(authorization) ?? [];
      if (bearer !== undefined) return same(bearer.trim(), secret);
      return cookie
        .split(';')
        .map((part) => part.trim().split('='))
        .some(([key, value = '']) => key === name() && same(value, ticket));
    },
    cookie: () => `${name()}=${ticket}; Path=/; HttpOnly; SameSite=Strict`,
  };
}

/**
 * The secret in a file that its owner alone can read, made where there is none: a page that is open finds back to a
 * studio that was started again.
 */
export async function readSecret(path: string): Promise<string> {
  const kept = await readFile(path, 'utf8').catch(ignore('ENOENT'));
  if (typeof kept === 'string' && /^[\w-]{32,}\n?$/.test(kept)) return kept.trim();
  const secret = randomBytes(24).toString('base64url');
  await makeFolder(dirname(path));
  const privately = async (from: string, to: string): Promise<void> => {
    await chmod(from, 0o600);
    await rename(from, to);
  };
  await replaceFile(path, (append) => append(`${secret}\n`), privately);
  return secret;
}
