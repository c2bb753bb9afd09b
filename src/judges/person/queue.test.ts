import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JudgeRequest, Outcome } from '../judge.ts';
import { openOpinions } from './opinions.ts';
import type { Opinions, Said } from './opinions.ts';
import { openPageJudge } from './page.ts';
import type { JudgePage } from './page.ts';
import { queueOf } from './queue.ts';
import type { Queue } from './queue.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-queue-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const rows: JudgeRequest[] = ['4', '5 🙂', '6', '7'].map((output, i) => ({
  id: String(i),
  instruction: `Add 2 and ${i}.`,
  output,
}));
const nobodyLooks = { others: false, isTaken: () => false };
const wrong = (judgment: string, ...errors: [number, number][]): Said => ({ judgment, errors });
const perfect: Said = { judgment: null };
const skip: Said = { skipped: true };

async function withQueue(
  name: string,
  work: (queue: Queue, opinions: Opinions) => Promise<void>,
): Promise<void> {
  const opinions = await openOpinions(join(dir, name));
  try {
    await work(queueOf({ title: name, rows, opinions }), opinions);
  } finally {
    await opinions.close();
  }
}

describe('a queue', () => {
  it('gives everybody another row, and the skipped ones to those who have not seen them', async () => {
    await withQueue('turns', async (queue) => {
      const looks = { others: false, isTaken: (row: number) => row === 0 };
      expect(queue.next('Ada', nobodyLooks)).toBe(0);
      expect(queue.next('Ben', looks)).toBe(1);
      await queue.say(1, { person: 'Ben', said: skip });
      await queue.say(0, { person: 'Ada', said: perfect });
      await queue.say(2, { person: 'Ada', said: wrong('It is 4.') });
      expect(queue.next('Ada', nobodyLooks)).toBe(3);
      await queue.say(3, { person: 'Ada', said: wrong('It is 5.') });
      expect(queue.settled()).toBe(4);
      expect(queue.next('Ada', nobodyLooks), 'Ben could not say').toBe(1);
      expect(queue.next('Ben', nobodyLooks)).toBeNull();
      expect(queue.next('Ben', { ...nobodyLooks, others: true })).toBe(0);
      expect(queue.people()).toEqual([
        { person: 'Ben', judged: 0, skipped: 1 },
        { person: 'Ada', judged: 3, skipped: 0 },
      ]);
    });
  });

  it('takes a row that somebody looks at where no other is left', async () => {
    await withQueue('taken', async (queue) => {
      for (const row of [0, 1, 2]) await queue.say(row, { person: 'Ada', said: perfect });
      expect(queue.next('Ben', { others: false, isTaken: (row) => row === 3 })).toBe(3);
    });
  });

  it('lets the later judgment count, and a skip never take its place', async () => {
    await withQueue('later', async (queue) => {
      await queue.say(0, { person: 'Ada', said: wrong('It is 2.', [0, 1]) });
      await queue.say(0, { person: 'Ben', said: skip });
      expect(queue.outcomeOf(0)).toEqual({ id: '0', judgment: 'It is 2.', errors: [[0, 1]] });
      await queue.say(0, { person: 'Ben', said: perfect });
      expect(queue.outcomeOf(0)).toEqual({ id: '0', judgment: null });
      expect(queue.apart()).toEqual([0]);
      await queue.say(0, { person: 'Ada', said: wrong('It is two.') });
      expect(queue.outcomeOf(0)).toEqual({ id: '0', judgment: 'It is two.' });
    });
  });

  it('reads words as judgments are read, and refuses what is none', async () => {
    await withQueue('words', async (queue) => {
      const say = (judgment: string, ...errors: [number, number][]): Promise<Outcome> =>
        queue.say(1, { person: 'Ada', said: wrong(judgment, ...errors) });
      expect(await say(' OK ', [0, 1])).toEqual({ id: '1', judgment: null });
      expect(await say('Perfect answer.', [0, 1])).toEqual({ id: '1', judgment: 'Perfect answer.' });
      expect(await say('The response is flawless.')).toMatchObject({ suspicious: 'praise' });
      expect(await say('skip')).toEqual({ id: '1', unscored: 'the person skipped it' });
      expect(await say('No.', [2, 3]), 'code points').toMatchObject({ errors: [[2, 3]] });
      for (const [words, ...marks] of [[''], ['?'], ['\ud83d'], ['No.', [0, 4]]] as [
        string,
        ...[number, number][],
      ][])
        await expect(say(words, ...marks)).rejects.toMatchObject({ code: 'INVALID_JUDGMENT' });
    });
  });

  it('takes back what each person said last, also after a new start', async () => {
    await withQueue('undo', async (queue) => {
      await queue.say(0, { person: 'Ada', said: wrong('First.') });
      await queue.say(0, { person: 'Ada', said: wrong('Second.', [0, 1]) });
      await queue.say(1, { person: 'Ben', said: perfect });
    });
    await appendFile(join(dir, 'undo'), '{"key":"cut off by a kill');
    await withQueue('undo', async (queue) => {
      expect(await queue.takeBack('Ada')).toEqual({
        row: 0,
        said: { judgment: 'Second.', errors: [[0, 1]] },
      });
      expect(queue.outcomeOf(0)).toEqual({ id: '0', judgment: 'First.' });
      expect(queue.outcomeOf(1)).toEqual({ id: '1', judgment: null });
    });
    await withQueue('undo', async (queue) => {
      expect(await queue.takeBack('Ada')).toMatchObject({ row: 0, said: { judgment: 'First.' } });
      expect(queue.outcomeOf(0)).toBeNull();
      expect(await queue.takeBack('Ada')).toBeNull();
      expect(queue.settled()).toBe(1);
    });
  });

  it('tells how far two agree, on rows that both judged', async () => {
    await withQueue('agree', async (queue) => {
      const said: [Said, Said | null][] = [
        [wrong('No.', [0, 1]), wrong('Not so.', [0, 1])],
        [wrong('No.', [0, 1]), wrong('Not so.', [0, 3])],
        [perfect, wrong('Wrong.', [0, 1])],
        [perfect, null],
      ];
      for (const [row, [ada, ben]] of said.entries()) {
        await queue.say(row, { person: 'Ada', said: ada });
        if (ben) await queue.say(row, { person: 'Ben', said: ben });
      }
      expect(queue.agreement()).toEqual([
        {
          people: ['Ada', 'Ben'],
          labels: { items: 3, observed: 2 / 3, expected: 6 / 9, kappa: 0 },
          marks: { rows: 2, shared: 2, ours: 2, theirs: 4, f1: 4 / 6, overlap: 2 / 4 },
        },
      ]);
      expect(queue.apart()).toEqual([2]);
    });
  });
});

describe('the judge "person:"', () => {
  const askWith = async (
    cache: string | null,
    people: (queue: Queue) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<{ outcomes: Outcome[]; shown: (string | null)[] }> => {
    const outcomes: Outcome[] = [];
    const shown: (string | null)[] = [];
    const page: JudgePage = {
      show: (queue) => {
        shown.push(queue?.title ?? null);
        if (queue !== null) void people(queue);
      },
      close: () => Promise.resolve(),
    };
    const judge = await openPageJudge({ cache, openPage: () => Promise.resolve(page) });
    try {
      await judge.judge(rows, {
        about: 'round 1',
        onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)),
        ...(signal && { signal }),
      });
      return { outcomes, shown };
    } finally {
      await judge.close();
    }
  };

  it('waits until every row has an outcome, hands them on, and asks again what was skipped', async () => {
    const file = join(dir, 'page');
    const stop = new AbortController();
    await expect(
      askWith(
        file,
        async (queue) => {
          await queue.say(0, { person: 'Ada', said: wrong('No.', [0, 1]) });
          stop.abort();
        },
        stop.signal,
      ),
    ).rejects.toMatchObject({ code: 'STOPPED' });
    const first = await askWith(file, async (queue) => {
      expect(queue.settled()).toBe(1);
      for (const row of [1, 2]) await queue.say(row, { person: 'Ada', said: perfect });
      await queue.say(3, { person: 'Ada', said: skip });
    });
    expect(first.shown).toEqual(['round 1', null]);
    expect(first.outcomes).toEqual([
      { id: '0', judgment: 'No.', errors: [[0, 1]] },
      { id: '1', judgment: null },
      { id: '2', judgment: null },
      { id: '3', unscored: 'the person skipped it' },
    ]);
    const second = await askWith(file, async (queue) => {
      expect(queue.next('Ada', nobodyLooks)).toBe(3);
      await queue.say(3, { person: 'Ada', said: wrong('It is 5.') });
    });
    expect(second.outcomes[3]).toEqual({ id: '3', judgment: 'It is 5.' });
    expect((await askWith(file, () => Promise.reject(new Error('shown')))).shown).toEqual([]);
  });

  it('says what to do where nothing opens a page', async () => {
    const judge = await openPageJudge({ cache: join(dir, 'none') });
    await expect(judge.judge(rows, { onOutcome: () => Promise.resolve() })).rejects.toMatchObject({
      code: 'NO_PAGE',
    });
    await judge.close();
    await expect(askWith(null, () => Promise.resolve())).rejects.toMatchObject({ code: 'NO_PAGE' });
  });
});
