// Who may use the studio: the secret, the cookie, names and origins, what every reply says of itself.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStudio } from '../../src/studio/index.ts';
import type { RunningStudio, StudioOptions } from '../../src/studio/index.ts';
import { builtStudio } from './built-page.ts';

let folder: string;
let studio: RunningStudio;
let options: StudioOptions;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'studio-'));
  options = {
    ...{ host: '127.0.0.1', port: 0, apiKey: null, shutdownTimeout: 2, page: await builtStudio() },
    ...{
      model: null,
      adapter: null,
      template: null,
      prompts: null,
      threads: null,
      runs: folder,
      onNote: () => undefined,
    },
  };
  studio = await startStudio(options);
});

afterAll(async () => {
  await studio?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** `fetch` would not send the headers that a page must not choose. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  { method = 'GET', body = '', port = studio.port } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      reply.on('end', () => resolve({ status: reply.statusCode!, headers: reply.headers, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const secretOf = ({ link }: RunningStudio): string => new URL(link).searchParams.get('token')!;
const cookieOf = (reply: Reply): string => (reply.headers['set-cookie'] as string[])[0]!.split(';')[0]!;
const signedIn = async (): Promise<string> => cookieOf(await ask(`/?token=${secretOf(studio)}`));

describe('the secret', () => {
  it('in the link opens the page, and a cookie that no script reads keeps it', async () => {
    const reply = await ask(`/?token=${secretOf(studio)}`);
    expect(reply.status).toBe(200);
    expect(reply.headers['set-cookie']).toEqual([expect.stringMatching(/; HttpOnly; SameSite=Strict$/)]);
    expect(reply.body).toContain('<script type="module"');
    expect((await ask('/', { cookie: cookieOf(reply) })).status).toBe(200);
    expect((await ask('/api/session', { cookie: cookieOf(reply) })).status).toBe(200);
  });

  it('is not in the cookie, and is of a length that nobody guesses', async () => {
    expect(await signedIn()).not.toContain(secretOf(studio));
    expect(secretOf(studio).length).toBeGreaterThanOrEqual(32);
  });

  it('is missed with words that say what to do, in a page and in an answer', async () => {
    const page = await ask('/');
    expect(page.status).toBe(401);
    expect(page.body).toContain('Open the link that the terminal printed');
    const answer = await ask('/api/session');
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('Open the link that the terminal printed');
  });

  it('is refused where it is another', async () => {
    for (const token of ['', 'x', `${secretOf(studio)}x`, secretOf(studio).slice(1)])
      expect((await ask(`/?token=${token}`)).status).toBe(401);
    for (const authorization of ['Bearer x', `Basic ${secretOf(studio)}`])
      expect((await ask('/api/session', { authorization })).status).toBe(401);
    expect((await ask('/api/session', { cookie: `whetstone_studio_${studio.port}=x` })).status).toBe(401);
  });

  it('can be typed', async () => {
    const how = { method: 'POST', body: `secret=${secretOf(studio)}` };
    const reply = await ask('/sign-in', { 'content-type': 'application/x-www-form-urlencoded' }, how);
    expect(reply.status).toBe(303);
    expect((await ask('/api/session', { cookie: cookieOf(reply) })).status).toBe(200);
    const wrong = await ask('/sign-in', {}, { method: 'POST', body: 'secret=no' });
    expect(wrong.status).toBe(401);
    expect(wrong.body).toContain('That is not the secret');
  });

  it('lies in a file that its owner alone reads, and is the same after a new start', async () => {
    const { mode } = await stat(join(folder, '.studio-secret'));
    if (process.platform !== 'win32') expect(mode & 0o777).toBe(0o600);
    const second = await startStudio(options);
    expect(secretOf(second)).toBe(secretOf(studio));
    await second.close();
  });
});

describe('a page of a stranger', () => {
  it('is refused by the name that it reaches the studio under', async () => {
    const cookie = await signedIn();
    for (const host of ['evil.example', `evil.example:${studio.port}`, 'localhost.evil.example'])
      expect((await ask('/api/session', { cookie, host })).status).toBe(403);
    for (const host of [`localhost:${studio.port}`, `127.0.0.1:${studio.port}`])
      expect((await ask('/api/session', { cookie, host })).status).toBe(200);
  });

  it('is refused by its origin, whatever it brings', async () => {
    const cookie = await signedIn();
    const own = `127.0.0.1:${studio.port}`;
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `https://${own}`])
      expect((await ask('/api/session', { cookie, host: own, origin })).status).toBe(403);
    expect((await ask('/api/session', { cookie, host: own, origin: `http://${own}` })).status).toBe(200);
    expect((await ask('/sign-in', { origin: 'https://evil.example' }, { method: 'POST' })).status).toBe(403);
  });
});

describe('every reply', () => {
  it('loads nothing from elsewhere, is framed by nobody, and is kept by nobody', async () => {
    const cookie = await signedIn();
    const replies = [await ask('/'), await ask('/', { cookie }), await ask('/api/session', { cookie })];
    replies.push(await ask('/api/nothing', { cookie }));
    for (const { headers } of replies) {
      const policy = headers['content-security-policy'] as string;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
    }
  });

  it('says what there is not, and what else a path takes', async () => {
    const cookie = await signedIn();
    expect((await ask('/api/nothing', { cookie })).status).toBe(404);
    expect((await ask('/assets/../../../etc/passwd')).status).toBe(401);
    expect((await ask('/assets/nothing.js')).status).toBe(404);
    const reply = await ask('/api/session', { cookie }, { method: 'POST' });
    expect(reply.status).toBe(405);
    expect(reply.headers['allow']).toBe('GET');
  });
});

describe('a host that others reach', () => {
  it('needs a key', async () => {
    await expect(startStudio({ ...options, host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });

  it('takes the key, in the form or as a bearer token, and prints no secret', async () => {
    const open = await startStudio({ ...options, host: '0.0.0.0', apiKey: 'a key of theirs' });
    try {
      const { port } = open;
      expect(open.link).not.toContain('token');
      const page = await ask('/', {}, { port });
      expect(page.body).toContain('API key');
      const authorization = 'Bearer a key of theirs';
      const reply = await ask('/api/session', { authorization }, { port });
      expect(JSON.parse(reply.body)).toMatchObject({ local: false });
      expect(
        (await ask('/api/session', { authorization: `Bearer ${secretOf(studio)}` }, { port })).status,
      ).toBe(401);
    } finally {
      await open.close();
    }
  });
});
