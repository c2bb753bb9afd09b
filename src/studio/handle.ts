// Answers one request to the studio: who may ask, the page's files, then a room's route. Knows HTTP; what a route does is
// its room's.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WhetstoneError, briefly } from '../errors.ts';
import { refuseForeignPages } from '../serving/access.ts';
import { ApiError, asApiError, errorBody } from '../serving/api-error.ts';
import type { Handler } from '../serving/connections.ts';
import { createLargeBodies } from '../serving/large-bodies.ts';
import { openEventStream, sendJson } from '../serving/replies.ts';
import { readJsonBody } from '../serving/request-body.ts';
import type { Access } from './access.ts';
import { protect, signInPage } from './page.ts';
import type { Page } from './page.ts';
import { matchRoute } from './route.ts';
import type { Route } from './route.ts';

export interface StudioHandlerSettings {
  readonly routes: readonly Route[];
  readonly page: Page;
  readonly access: Access;
  /** Whether what opens the studio is a key that its owner chose. */
  readonly isKey: boolean;
  readonly isHost: (given: string) => boolean;
  readonly isDraining: () => boolean;
}

const maxBodyBytes = 4 << 20;
/** A page that reads slower than this is cut off; it comes back and gets what is so then. */
const maxUnsentBytes = 16 << 20;

export function createStudioHandler(settings: StudioHandlerSettings): Handler {
  const { routes, page, access, isKey, isHost, isDraining } = settings;
  const largeBodies = createLargeBodies();
  return async (request, response, story, signal) => {
    protect(response);
    refuseForeignPages(request.headers, { isHost, origins: [] });
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://studio');
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    story.path = pathname.startsWith('/assets/') ? '/assets' : pathname;
    if (pathname.startsWith('/assets/') && method === 'GET') {
      const asset = page.asset(pathname);
      if (asset === null) throw new ApiError(404, `There is no ${pathname}.`);
      response.setHeader('cache-control', 'public, max-age=31536000, immutable');
      return sendBytes(response, 200, asset.type, asset.bytes);
    }
    if (pathname === '/sign-in' && method === 'POST') {
      const given = new URLSearchParams(await smallBody(request)).get('secret') ?? '';
      if (!access.isSecret(given.trim())) return sendSignIn(response, page, { wrong: true, isKey });
      response.writeHead(303, { location: '/', 'set-cookie': access.cookie() }).end();
      return;
    }
    if (pathname === '/' && method === 'GET') {
      const token = searchParams.get('token');
      const isRight = token !== null && access.isSecret(token);
      if (!isRight && !access.mayAsk(request.headers))
        return sendSignIn(response, page, { wrong: token !== null, isKey });
      if (isRight) response.setHeader('set-cookie', access.cookie());
      return sendBytes(response, 200, 'text/html; charset=utf-8', page.document);
    }
    if (isDraining()) throw new ApiError(503, 'The studio is closing.', { code: 'shutting_down' });
    if (!access.mayAsk(request.headers))
      throw new ApiError(401, 'This page has not signed in. Open the link that the terminal printed.', {
        code: 'not_signed_in',
      });
    const found = matchRoute(routes, method, pathname);
    if (!('route' in found)) {
      if (found.methods.length === 0) throw new ApiError(404, `There is no ${method} ${pathname}.`);
      response.setHeader('allow', found.methods.join(', '));
      throw new ApiError(405, `Not allowed to ${method} on ${pathname}.`);
    }
    const { route, params } = found;
    story.path = route.path;
    let leave = (): void => undefined;
    const onLarge = async (): Promise<void> => void (leave = await largeBodies.enter(signal));
    const fields =
      method === 'POST'
        ? await readJsonBody(request, { maxBytes: maxBodyBytes, onLarge }).finally(() => leave())
        : {};
    const answer = await told(async () => route.answer({ params, query: searchParams, fields, signal }));
    if (answer.kind === 'json') return sendJson(response, 200, answer.body);
    story.stream = true;
    const send = openEventStream(response, maxUnsentBytes);
    try {
      await told(() => answer.run((event) => send(JSON.stringify(event))));
    } catch (error) {
      if (!signal.aborted) send(JSON.stringify(errorBody(asApiError(error))));
      throw error;
    } finally {
      response.end();
    }
  };
}

/** What the person at the page can mend is told in the words of its error. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    const { code, hint } = error;
    throw new ApiError(422, [briefly(error), hint].filter(Boolean).join(' '), { code });
  }
}

function sendBytes(response: ServerResponse, status: number, type: string, bytes: Buffer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
}

function sendSignIn(response: ServerResponse, page: Page, how: { wrong: boolean; isKey: boolean }): void {
  sendBytes(response, 401, 'text/html; charset=utf-8', Buffer.from(signInPage(page, how)));
}

/** A form's body, which is one field. */
async function smallBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += (chunk as Buffer).toString('utf8');
    if (text.length > 8192) throw new ApiError(413, 'The form is too large.');
  }
  return text;
}
