import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openReplies } from './replies.ts';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-replies-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('replies', () => {
  it('are for one process at a time, and damaged ones are not passed over', async () => {
    const path = join(folder, 'locked.jsonl');
    const first = await openReplies(path);
    await expect(openReplies(path)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    await first.keep({ key: 'k', at: '', usage: { input: 2, output: 3 }, reply: { a: 1 } });
    await first.close();
    const second = await openReplies(path);
    expect([second.get('k')?.reply, second.before]).toEqual([{ a: 1 }, { input: 2, output: 3 }]);
    await second.keep({ key: 3 as unknown as string, at: '', usage: { input: 0, output: 0 }, reply: {} });
    await second.close();
    await expect(openReplies(path)).rejects.toMatchObject({ code: 'DAMAGED_JOURNAL' });
    // A failed opening does not keep the lock.
    await expect(openReplies(path)).rejects.toMatchObject({ code: 'DAMAGED_JOURNAL' });
  });
});
