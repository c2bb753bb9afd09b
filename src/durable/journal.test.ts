import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './journal.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-journal-'));
  path = join(dir, 'events.jsonl');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const textOf = (): Promise<string> => readFile(path, 'utf8');

describe('openJournal', () => {
  it('gives back what was appended, in order', async () => {
    const journal = await openJournal<{ n: number }>(path);
    expect(journal.records).toEqual([]);
    await Promise.all(Array.from({ length: 50 }, (_, n) => journal.append({ n })));
    await journal.close();
    const again = await openJournal<{ n: number }>(path);
    expect(again.records.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(again.repaired).toBe(false);
    await again.close();
  });

  it('has a record on disk when append resolves', async () => {
    const journal = await openJournal(path);
    const first = journal.append({ a: 1 });
    const second = journal.append({ a: 2 });
    await first;
    expect(await textOf()).toContain('{"a":1}\n');
    await second;
    expect(await textOf()).toBe('{"a":1}\n{"a":2}\n');
    await journal.close();
  });

  it.each(['{"a":', '{"a":2}', '\u00e9'.repeat(3), '\0\0\0'])(
    'takes a torn last line away: %j',
    async (torn) => {
      await writeFile(path, `{"a":1}\n${torn}`);
      const journal = await openJournal<{ a: number }>(path);
      expect(journal.repaired).toBe(true);
      expect(journal.records).toEqual([{ a: 1 }]);
      await journal.append({ a: 3 });
      await journal.close();
      expect(await textOf()).toBe('{"a":1}\n{"a":3}\n');
    },
  );

  it('takes away half a character at the end', async () => {
    await writeFile(path, Buffer.concat([Buffer.from('{"a":"\u00e9"}\n{"a":"'), Buffer.from([0xc3])]));
    const journal = await openJournal(path);
    expect(journal.records).toEqual([{ a: '\u00e9' }]);
    await journal.close();
    expect(await textOf()).toBe('{"a":"\u00e9"}\n');
  });

  it('names the line of damage that no kill can do', async () => {
    await writeFile(path, '{"a":1}\n{"a":\n{"a":3}\n');
    await expect(openJournal(path)).rejects.toMatchObject({
      code: 'DAMAGED_JOURNAL',
      place: { file: path, line: 2 },
    });
    await appendFile(path, 'x');
    await expect(openJournal(path)).rejects.toMatchObject({ code: 'DAMAGED_JOURNAL' });
  });

  it('asks the reader whether a line is a record', async () => {
    await writeFile(path, '{"a":1}\n{"b":2}\n');
    const parse = (value: unknown): { a: number } | null =>
      typeof (value as { a?: unknown }).a === 'number' ? (value as { a: number }) : null;
    await expect(openJournal(path, parse)).rejects.toMatchObject({ place: { line: 2 } });
  });
});
