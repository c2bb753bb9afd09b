// Writes triplets in the canonical form, whole or not at all. It knows no other layout.
import { link, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, makeFolder, replaceFile } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import { isConversation, messagesOf } from '../rows/conversation.ts';
import { jsonText } from '../rows/json.ts';
import { marksOf } from './marks.ts';
import type { Triplet } from './triplet.ts';
import { option } from '../words/option.ts';

export interface WriteOptions {
  /** By the extension if left out: .json is an array, .jsonl and .ndjson one object a line. */
  readonly format?: 'json' | 'jsonl';
  /** Replace a file that exists; false if left out. */
  readonly overwrite?: boolean;
}

/**
 * A triplet as the canonical row: absent fields are left out, `judgment` is always there. A conversation is `messages`, of
 * which the last is the response.
 */
export function canonicalRow(triplet: Triplet): object {
  const { id, instruction, input, output, judgment, score, revision, errors } = triplet;
  return {
    ...(id !== undefined && { id }),
    ...(isConversation(triplet)
      ? { messages: [...messagesOf(triplet), { role: 'assistant', content: output }] }
      : { instruction, ...(input !== undefined && { input }), output }),
    judgment,
    ...(score !== undefined && { score }),
    ...(revision !== undefined && { revision }),
    ...(errors !== undefined && { errors: marksOf(errors) }),
  };
}

/**
 * Writes triplets to a new file beside the target, syncs it and moves it into place, so that the target is never
 * half written, whatever happens.
 *
 * Throws WhetstoneError `FILE_EXISTS` (unless told to overwrite), `UNKNOWN_FORMAT`, and as `explainWriting`.
 */
export function writeTriplets(
  path: string,
  triplets: Iterable<Triplet>,
  options: WriteOptions = {},
): Promise<void> {
  return writeRows(path, canonicalRows(triplets), options);
}

function* canonicalRows(triplets: Iterable<Triplet>): Generator<object> {
  for (const triplet of triplets) yield canonicalRow(triplet);
}

/** Likewise for rows of any kind. */
export async function writeRows(
  path: string,
  rows: Iterable<object>,
  { format = formatOf(path), overwrite = false }: WriteOptions = {},
): Promise<void> {
  if (!overwrite && (await exists(path))) throw fileExists(path);
  await makeFolder(dirname(path));
  await replaceFile(
    path,
    (append) => appendRows(append, rows, format),
    overwrite ? undefined : moveWithoutReplacing,
  );
}

// Large enough that a call to the system costs little, small enough to stay far below a string's limit.
const PIECE = 1 << 20;

async function appendRows(
  append: (text: string) => Promise<void>,
  rows: Iterable<object>,
  format: 'json' | 'jsonl',
): Promise<void> {
  let pending = format === 'json' ? '[' : '';
  let first = true;
  for (const each of rows) {
    const row = jsonText(each);
    pending += format === 'jsonl' ? `${row}\n` : `${first ? '' : ','}\n  ${row}`;
    first = false;
    if (pending.length >= PIECE) {
      await append(pending);
      pending = '';
    }
  }
  await append(format === 'json' ? `${pending}\n]\n` : pending);
}

/** link, unlike rename, refuses a target that has appeared in the meantime. */
async function moveWithoutReplacing(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
    await rm(from).catch(() => undefined); // the file has its name; this one is a second name of it
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code === 'EEXIST') throw fileExists(to);
    // File systems without hard links: the check at the start has to do.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw cause;
    await rename(from, to);
  }
}

function formatOf(path: string): 'json' | 'jsonl' {
  if (/\.(?:jsonl|ndjson)$/i.test(path)) return 'jsonl';
  if (/\.json$/i.test(path)) return 'json';
  throw new WhetstoneError('UNKNOWN_FORMAT', 'expected a name that ends in .jsonl or .json', {
    file: path,
    hint: 'The canonical form is written as JSONL (one object a line) or JSON (one array).',
  });
}

function fileExists(file: string): WhetstoneError {
  return new WhetstoneError('FILE_EXISTS', 'the file exists already', {
    file,
    hint: `Choose another name, or allow it to be replaced with ${option('overwrite')}.`,
  });
}
