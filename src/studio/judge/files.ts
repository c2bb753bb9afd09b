// Files of responses to judge: those that lie in the studio's folder, and one opened with the journal that "whetstone
// judge" would have. Knows files, no page.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { WhetstoneError, briefly } from '../../errors.ts';
import { hasCode } from '../../durable/files.ts';
import { isJudged } from '../../judges/judge.ts';
import type { Outcome } from '../../judges/judge.ts';
import { readJudgeRows } from '../../judges/judge-rows.ts';
import { openJudging } from '../../judges/judging.ts';
import { openOpinions } from '../../judges/person/opinions.ts';
import { people } from '../../judges/person/page.ts';
import { queueOf } from '../../judges/person/queue.ts';
import type { Queue } from '../../judges/person/queue.ts';
import type { Results } from './desk.ts';

const isData = (name: string): boolean => /\.(?:jsonl|ndjson|json|csv|tsv|parquet)$/i.test(name);
/** What judging itself writes. */
const isOwn = (name: string): boolean => /\.(?:judged|journal|replies|unscored)\.jsonl$/i.test(name);
const mostListed = 200;

/** Files of rows in the folder, and the responses of the rounds of its online runs, by their paths below it, in order. */
export async function filesToJudge(folder: string): Promise<string[]> {
  const names = async (path: string): Promise<{ name: string; isFolder: boolean }[]> => {
    try {
      const found = await readdir(path, { withFileTypes: true });
      return found.map((each) => ({ name: each.name, isFolder: each.isDirectory() }));
    } catch (error) {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || hasCode(error, 'EACCES')) return [];
      throw error;
    }
  };
  const files: string[] = [];
  for (const { name, isFolder } of await names(folder)) {
    if (!isFolder && isData(name) && !isOwn(name)) files.push(name);
    if (!isFolder) continue;
    for (const round of await names(join(folder, name, 'rounds')))
      for (const file of ['judged.jsonl', 'held-out.jsonl'])
        if ((await names(join(folder, name, 'rounds', round.name))).some((each) => each.name === file))
          files.push(join(name, 'rounds', round.name, file));
  }
  return files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, mostListed);
}

/** The judged file of a file: beside it; of a run's round in a folder of the studio, since a run's own is the run's. */
export function judgedFile(file: string, folder: string): string {
  const stem = (name: string): string => name.replace(/\.[^.]+$/, '');
  const below = relative(folder, resolve(file));
  const isOfRun = !below.startsWith('..') && dirname(below) !== '.';
  return isOfRun
    ? join(folder, 'studio', 'judged', `${stem(below).split(/[/\\]/).join('.')}.judged.jsonl`)
    : join(dirname(file), `${stem(basename(file))}.judged.jsonl`);
}

/** The path as somebody in the present folder would type it. */
function asTyped(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below;
}

/**
 * Opens the rows with what people said of them before. Throws as `readJudgeRows`, `openJudging` and `openOpinions`.
 */
export async function openFileQueue(
  file: string,
  out: string,
): Promise<{ readonly queue: Queue; readonly results: Results }> {
  const { rows } = await readJudgeRows(file);
  if (rows.length === 0)
    throw new WhetstoneError('NO_ROWS', 'there is nothing to judge: the file has no rows', { file });
  const judging = await openJudging(out, rows, people, false);
  try {
    const opinions = await openOpinions(`${out}.replies.jsonl`);
    const queue = queueOf({ title: basename(file), rows: rows.map(({ request }) => request), opinions });
    const recorded = new Map<string, string>();
    for (const [id, outcome] of judging.judged) recorded.set(id, JSON.stringify(outcome));
    let written: number | null = null;
    let problem: string | null = null;
    let turn: Promise<unknown> = Promise.resolve();
    const writeAll = async (): Promise<void> => {
      for (const [row, { request }] of rows.entries()) {
        const { id } = request;
        const outcome: Outcome = queue.outcomeOf(row) ?? { id, unscored: 'nobody has judged it yet' };
        const text = JSON.stringify(outcome);
        if (recorded.get(id) === text) continue;
        await judging.record(outcome);
        recorded.set(id, text);
      }
      const { judged } = await judging.finish();
      written = judged.filter(isJudged).length;
    };
    const write = async (): Promise<void> => {
      try {
        await writeAll();
        problem = null;
      } catch (error) {
        problem = error instanceof WhetstoneError ? briefly(error) : String(error);
      }
    };
    return {
      queue,
      results: {
        out: asTyped(out),
        written: () => written,
        problem: () => problem,
        write: () => {
          const mine = turn.then(write);
          turn = mine;
          return mine;
        },
        close: async () => {
          await turn;
          await opinions.close();
          await judging.close();
        },
      },
    };
  } catch (error) {
    await judging.close();
    throw error;
  }
}
