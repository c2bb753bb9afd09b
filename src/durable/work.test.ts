import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKept } from './kept.ts';
import type { LineFormat } from './kept.ts';
import { inParallel } from './pool.ts';
import { doWork } from './work.ts';
import type { Work } from './work.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-work-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('inParallel', () => {
  it('begins in order, so many at once, and ends when all have ended', async () => {
    const [begun, ended]: [number[], number[]] = [[], []];
    let [running, most] = [0, 0];
    await inParallel([30, 5, 10, 1, 2], 2, async (milliseconds) => {
      begun.push(milliseconds);
      most = Math.max(most, ++running);
      await sleep(milliseconds);
      running--;
      ended.push(milliseconds);
    });
    expect([begun, most, running]).toEqual([[30, 5, 10, 1, 2], 2, 0]);
    expect(ended).toHaveLength(5);
    expect(ended[0]).toBe(5);
  });

  it('after a failure begins nothing, tells what is under way, waits for it, and throws the first', async () => {
    const begun: number[] = [];
    let waited = false;
    const failing = inParallel([1, 2, 3, 4], 2, async (item, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await sleep(5);
      waited = true;
      throw new Error('second');
    });
    await expect(failing).rejects.toThrow('first');
    expect([begun, waited]).toEqual([[1, 2], true]);
  });

  it("throws an abort's reason, at once where it came before", async () => {
    const stop = new AbortController();
    const begun: number[] = [];
    const stopped = inParallel(
      [1, 2, 3],
      1,
      (item) => {
        begun.push(item);
        stop.abort(new Error('enough'));
        return Promise.resolve();
      },
      { signal: stop.signal },
    );
    await expect(stopped).rejects.toThrow('enough');
    await expect(inParallel([4], 1, () => Promise.resolve(), { signal: stop.signal })).rejects.toThrow(
      'enough',
    );
    expect(begun).toEqual([1]);
  });

  it('holds items back until they are ready', async () => {
    const done = new Set<string>();
    const begun: string[] = [];
    await inParallel(
      ['a', 'needs a', 'b', 'needs b'],
      2,
      async (item) => {
        begun.push(item);
        await sleep(item === 'a' ? 20 : 1);
        done.add(item);
      },
      { ready: (item) => !item.startsWith('needs') || done.has(item.slice(-1)) },
    );
    expect(begun).toEqual(['a', 'b', 'needs b', 'needs a']);
  });
});

const squares: LineFormat<number> = {
  read: ({ of, square }) =>
    typeof of !== 'number' ? null : typeof square === 'number' ? [String(of), square] : 'other',
  write: (of, square) => ({ of: Number(of), square }),
};

describe('openKept', () => {
  it('knows what earlier processes kept, the last line of a key, and no other results', async () => {
    const path = join(dir, 'squares.jsonl');
    await writeFile(path, '{"of":2,"square":5}\n{"of":3}\n{"of":2,"square":4}\n{"of":9,"squ');
    const kept = await openKept(path, squares);
    expect([[...kept.results], kept.repaired]).toEqual([[['2', 4]], true]);
    await kept.keep('3', 9);
    expect(kept.results.get('3')).toBe(9);
    await kept.close();
    expect((await readFile(path, 'utf8')).split('\n').slice(-2)).toEqual(['{"of":3,"square":9}', '']);
    await writeFile(path, '{"other":1}\n', { flag: 'a' });
    await expect(openKept(path, squares)).rejects.toMatchObject({
      code: 'DAMAGED_JOURNAL',
      place: { line: 5 },
    });
  });
});

describe('doWork', () => {
  const job = (
    more: Partial<Work<number, number>> = {},
  ): { kept: Map<number, number>; job: Work<number, number> } => {
    const kept = new Map<number, number>();
    return {
      kept,
      job: {
        what: 'squares',
        items: [1, 2, 3, 4],
        isKept: (item) => kept.has(item),
        keep: async (item, square) => {
          await sleep(1);
          kept.set(item, square);
        },
        work: async (pending, hand) => {
          for (const item of pending) await hand(item, item * item);
        },
        ...more,
      },
    };
  };

  it.each([0, 2])('does what is not there yet, and tells how far it is; %i behind', async (behind) => {
    const told: string[] = [];
    const { kept, job: whole } = job({
      behind,
      onProgress: (done, total) => void told.push(`${done}/${total}`),
    });
    kept.set(2, 4);
    await doWork(whole);
    expect([...kept].sort()).toEqual([[1, 1], [2, 4], [3, 9], [4, 16]]); // prettier-ignore
    expect(told).toEqual(['1/4', '2/4', '3/4', '4/4']);
  });

  it('keeps what was handed on before a failure, and nothing that comes later', async () => {
    let late = (): Promise<void> => Promise.resolve();
    const { kept, job: failing } = job({
      work: async (_, hand) => {
        late = () => hand(4, 16);
        void hand(1, 1);
        await Promise.resolve();
        throw new Error('out of squares');
      },
    });
    await expect(doWork(failing)).rejects.toThrow('out of squares');
    await late();
    expect([...kept]).toEqual([[1, 1]]);
  });

  it.each([0, 8])('fails with the disk; %i behind', async (behind) => {
    const { job: full } = job({ behind, keep: () => Promise.reject(new Error('full')) });
    await expect(doWork(full)).rejects.toThrow('full');
  });

  it('says how far it got when it was stopped, whatever the work makes of the signal', async () => {
    for (const ending of ['returns', 'throws'] as const) {
      const stop = new AbortController();
      const { kept, job: stopped } = job({
        signal: stop.signal,
        work: async (_, hand) => {
          await hand(3, 9);
          stop.abort();
          if (ending === 'throws') stop.signal.throwIfAborted();
        },
      });
      await expect(doWork(stopped)).rejects.toMatchObject({
        code: 'STOPPED',
        message: 'stopped after 1 of 4 squares',
      });
      await expect(doWork(stopped)).rejects.toMatchObject({ code: 'STOPPED' });
      expect([...kept]).toEqual([[3, 9]]);
    }
  });

  it('misses results that the work did not give', async () => {
    const { job: lazy } = job({ work: (_, hand) => hand(1, 1) });
    await expect(doWork(lazy)).rejects.toThrow('3 of 4 squares are missing');
  });
});
