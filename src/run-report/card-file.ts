// README.md in an adapter's folder: written anew as long as nobody but this program has written it.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, writeFileDurably } from '../durable/files.ts';

export const cardFile = (adapterDir: string): string => join(adapterDir, 'README.md');

/** The last line says what all above it was when it was written: a card that no longer fits it was edited. */
const seal = (text: string): string =>
  `<!-- written by whetstone; an edited card is left alone: ${createHash('sha256').update(text).digest('hex')} -->\n`;

const sealed = /^([^]*\n\n)(<!-- written by whetstone[^\n]*-->\n)$/;

/** Whether a card is as this program wrote it. */
export function isUntouched(card: string): boolean {
  const [, text, last] = sealed.exec(card) ?? [];
  return text !== undefined && seal(text) === last;
}

/** False where a card is there that somebody edited or wrote, which stays. Throws as `writeFileDurably`. */
export async function writeCard(adapterDir: string, card: string): Promise<boolean> {
  const file = cardFile(adapterDir);
  const there = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (there !== null && !isUntouched(there)) return false;
  const text = `${card}\n`;
  if (there !== text + seal(text)) await writeFileDurably(file, text + seal(text));
  return true;
}
