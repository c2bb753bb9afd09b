// A fingerprint of a command line: its text, and what is in the programs that it names. Knows no shell's grammar
// beyond words and quotes.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';

/** Names that end so are programs wherever they stand: "python critic.py", "node --import x.js critic.mjs". */
const programs = new Set(
  (
    '.bash .bat .cjs .cmd .cts .exe .fish .go .jar .jl .js .ksh .lua .mjs .mts .php .pl .ps1 .py .r .rb .sh .ts ' +
    '.wasm .zsh'
  ).split(' '),
);

/** "cmd:HEX" of the text and of the files that are its programs: the first word, and words with a program's ending. */
export async function commandFingerprint(command: string, cwd: string = process.cwd()): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(command));
  const words = command.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  for (const [i, word] of words.entries()) {
    const name = word.replace(/^["']|["']$/g, '');
    if (i > 0 && !programs.has(extname(name).toLowerCase())) continue;
    const digest = await fileDigest(resolve(cwd, name));
    if (digest !== null) hash.update(JSON.stringify([name, digest]));
  }
  return `cmd:${hash.digest('hex')}`;
}

/** SHA-256 of a file's content in hex; null where there is no such file. */
export async function fileDigest(path: string): Promise<string | null> {
  const info = await stat(path).catch(() => null);
  if (!info?.isFile()) return null;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
