// The page's own files, as the build left them, and the headers that everything the studio sends has. Knows no room.
import type { ServerResponse } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WhetstoneError } from '../errors.ts';
import { ignore } from '../durable/files.ts';

export interface Page {
  /** The document that loads the rest. */
  readonly document: Buffer;
  /** The style sheet's path, for pages without a script. */
  readonly styleSheet: string | null;
  /** A file under /assets/; their names change with their content. */
  asset(path: string): { readonly bytes: Buffer; readonly type: string } | null;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** Where the build puts the page: beside the program, whether that is bundled or not. */
export function builtPage(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return join(dir, 'dist', 'studio');
  }
  return 'dist/studio';
}

/** Reads the folder of a built page. Throws WhetstoneError `NO_STUDIO_PAGE`. */
export async function readPage(folder: string): Promise<Page> {
  const document = await readFile(join(folder, 'index.html')).catch(ignore('ENOENT'));
  if (document === undefined)
    throw new WhetstoneError('NO_STUDIO_PAGE', 'the page of the studio is not there', {
      file: folder,
      hint: 'Build it with "npm run build"; a package from npm has it.',
    });
  const names = await readdir(join(folder, 'assets'));
  const assets = new Map<string, { readonly bytes: Buffer; readonly type: string }>(
    await Promise.all(
      names
        .filter((name) => extname(name) in types)
        .map(async (name) => {
          const bytes = await readFile(join(folder, 'assets', name));
          return [`/assets/${name}`, { bytes, type: types[extname(name)]! }] as const;
        }),
    ),
  );
  const [, styleSheet = null] =
    /<link[^>]+href="(\/assets\/[^"]+\.css)"/.exec(document.toString('utf8')) ?? [];
  return { document, styleSheet, asset: (path) => assets.get(path) ?? null };
}

/** The page takes scripts, styles and answers from the studio alone, and is shown in no other page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function protect(response: ServerResponse): void {
  response.setHeader('content-security-policy', policy);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('cache-control', 'no-store');
}

/** What a browser gets that brought no secret: what to do, and a place for the secret or the key. */
export function signInPage(
  { styleSheet }: Page,
  { wrong, isKey }: { wrong: boolean; isKey: boolean },
): string {
  const what = isKey ? 'API key' : 'secret';
  const where = isKey
    ? 'Whoever started it has the API key.'
    : 'Open the link that the terminal printed when the studio was started; the secret is what stands in it behind "token=".';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Whetstone studio</title>
<link rel="icon" href="data:,">${styleSheet === null ? '' : `\n<link rel="stylesheet" href="${styleSheet}">`}
</head>
<body>
<main class="sign-in">
<h1>Whetstone studio</h1>
<p>This page is for those who have its ${what}. ${where}</p>
${wrong ? `<p role="alert" class="bad">That is not the ${what} of this studio.</p>` : ''}
<form method="post" action="/sign-in">
<label for="secret">${isKey ? 'API key' : 'Secret'}</label>
<input id="secret" name="secret" type="password" autocomplete="current-password" required>
<button type="submit">Open the studio</button>
</form>
</main>
</body>
</html>
`;
}
