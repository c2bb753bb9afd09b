import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readJudgeRows } from './judge-rows.ts';
import type { Judge } from './judge.ts';
import { judgingFiles, openJudging } from './judging.ts';
import type { JudgingProgress } from './judging.ts';
import { scriptedJudge } from './scripted-judge.test-helper.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-judging-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('readJudgeRows', () => {
  it("takes the rows' own ids where every row has one of its own", async () => {
    const path = file('a.csv', 'id,instruction,input,output,judgment\nx,A?,in,a,\n7,B?,,b,Bad.\n');
    const { rows, judgedBefore } = await readJudgeRows(path);
    expect(rows.map(({ request }) => request)).toEqual([
      { id: 'x', instruction: 'A?', input: 'in', output: 'a' },
      { id: '7', instruction: 'B?', input: '', output: 'b', said: 'Bad.' },
    ]);
    expect(judgedBefore).toBe(1);
  });

  it('and else their numbers, keeping the ids in what is written', async () => {
    const path = file(
      'a.json',
      JSON.stringify([
        { id: 1, instruction: 'A', output: 'a' },
        { id: '1', instruction: 'B', output: 'b' },
      ]),
    );
    const { rows } = await readJudgeRows(path);
    expect(rows.map(({ request }) => request.id)).toEqual(['1', '2']);
    expect(rows.map(({ triplet }) => triplet.id)).toEqual([1, '1']);
  });

  it('refuses rows with faults, all at once', async () => {
    const path = file('a.jsonl', '{"instruction":"A"}\n3\n{"instruction":"B","output":"b"}\n');
    await expect(readJudgeRows(path)).rejects.toMatchObject({
      code: 'INVALID_ROWS',
      message: expect.stringMatching(/row 1, field "output".*\n.*row 2.*an object/) as string,
    });
  });
});

describe('judging', () => {
  const open = async (judge = scriptedJudge(() => 'Bad.'), overwrite = false) => {
    const path = file(
      'rows.jsonl',
      ['a', 'b', 'c'].map((id) => JSON.stringify({ id, instruction: 'I', output: id })).join('\n'),
    );
    const { rows } = await readJudgeRows(path);
    return openJudging(join(folder, 'out.jsonl'), rows, judge, overwrite);
  };
  const files = (): ReturnType<typeof judgingFiles> => judgingFiles(join(folder, 'out.jsonl'));

  it('goes on where it was, and writes the file in one step at the end', async () => {
    let judging = await open();
    await judging.record({ id: 'b', judgment: null });
    await judging.record({ id: 'a', unscored: 'mumbles' });
    await judging.close();
    expect(existsSync(files().out)).toBe(false);
    judging = await open();
    expect([...judging.judged.keys()]).toEqual(['b']);
    expect(judging.pending.map(({ id }) => id)).toEqual(['a', 'c']);
    await judging.record({ id: 'c', judgment: 'Bad.' });
    await judging.record({ id: 'a', judgment: 'Worse.' });
    const { judged, unscored } = await judging.finish();
    await judging.close();
    expect([judged.map(({ id }) => id), unscored]).toEqual([['a', 'b', 'c'], []]);
    const judgments = readFileSync(files().out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { judgment: unknown }).judgment);
    expect(judgments).toEqual(['Worse.', null, 'Bad.']);
    // Nothing is left to do, and what a person changed since stays.
    file('out.jsonl', 'edited');
    judging = await open();
    expect(judging.pending).toEqual([]);
    expect((await judging.finish()).judged).toHaveLength(3);
    await judging.close();
    expect(readFileSync(files().out, 'utf8')).toBe('edited');
    rmSync(files().out);
    judging = await open();
    await judging.finish();
    await judging.close();
    expect(readFileSync(files().out, 'utf8')).toContain('Worse.');
  });

  it('has what is pending judged, keeps nothing of a judge that has given up, and says how far it got', async () => {
    const told: string[] = [];
    const onProgress = ({ done, total, unscored }: JudgingProgress): void =>
      void told.push(`${done}/${total} ${unscored}`);
    let judging = await open();
    const stop = new AbortController();
    let late = (): Promise<void> => Promise.resolve();
    const stopping: Pick<Judge, 'judge'> = {
      judge: async (requests, { onOutcome, signal }) => {
        expect(requests.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
        await onOutcome({ id: 'c', unscored: 'mumbles' });
        await onOutcome({ id: 'b', judgment: null });
        late = () => onOutcome({ id: 'a', judgment: 'Late.' });
        stop.abort();
        signal!.throwIfAborted();
      },
    };
    await expect(judging.judge(stopping, { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'STOPPED',
      message: 'stopped after 2 of 3 judgments',
    });
    await late();
    await judging.close();
    judging = await open();
    expect(judging.pending.map(({ id }) => id)).toEqual(['a', 'c']);
    await judging.judge(
      scriptedJudge(() => 'Bad.'),
      { onProgress },
    );
    expect(told).toEqual(['1/3 1', '2/3 1', '2/3 0', '3/3 0']);
    expect((await judging.finish()).judged.map(({ judgment }) => judgment)).toEqual(['Bad.', null, 'Bad.']);
    await judging.close();
  });

  it('is not finished while a row has no outcome', async () => {
    const judging = await open();
    await judging.record({ id: 'b', judgment: null });
    await expect(judging.finish()).rejects.toThrow('2 rows');
    await judging.close();
    expect(existsSync(files().out)).toBe(false);
  });

  it('does not mix judges, unless the old judgments may go', async () => {
    const first = await open();
    await first.record({ id: 'b', judgment: null });
    await first.close();
    const other = { ...scriptedJudge(() => null), name: 'other', fingerprint: 'other' };
    await expect(open(other)).rejects.toMatchObject({
      code: 'JUDGING_CHANGED',
      message: expect.stringContaining('begun with script') as string,
    });
    const again = await open(other, true);
    expect(again.pending).toHaveLength(3);
    await again.close();
    // The same command, --overwrite included, goes on.
    const third = await open(other, true);
    await third.record({ id: 'a', judgment: null });
    await third.close();
    const fourth = await open(other, true);
    expect(fourth.pending).toHaveLength(2);
    await fourth.close();
  });

  it('leaves a file of somebody else alone', async () => {
    file('out.jsonl', 'precious');
    await expect(open()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(files().out, 'utf8')).toBe('precious');
  });

  it('is for one process at a time', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    await first.close();
    await (await open()).close();
  });
});
