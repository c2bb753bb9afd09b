// People as judges in a page: each call's responses are a queue that is shown to them, what they say is kept in a journal
// as they say it, and is handed on when every response has an outcome. Knows no page; who opens one is given.
import { WhetstoneError } from '../../errors.ts';
import { option } from '../../words/option.ts';
import { usageOf } from '../answers.ts';
import type { Judge } from '../judge.ts';
import type { JudgeSettings } from '../settings.ts';
import { openOpinions } from './opinions.ts';
import type { Opinions } from './opinions.ts';
import { queueOf } from './queue.ts';
import type { Queue } from './queue.ts';

/** A page that people judge in. */
export interface JudgePage {
  /** Shows a queue in place of the one before; null where there is nothing to judge at the moment. */
  show(queue: Queue | null): void;
  close(): Promise<void>;
}

/** Opens the page, and lets people know where it is. */
export type OpenJudgePage = () => Promise<JudgePage>;

/** Who judged, in journals. */
export const people = { name: 'people, in the page', fingerprint: 'person:' } as const;

/**
 * Opens people as a judge. `judge` resolves when every response has an outcome; until the last has one, each may be
 * revised. Throws WhetstoneError `NO_PAGE` where nothing can open a page, or no file keeps what they say; judging throws
 * `STOPPED` after an abort, and as `openOpinions`.
 */
export function openPageJudge({
  openPage,
  cache,
}: Pick<JudgeSettings, 'openPage' | 'cache'>): Promise<Judge> {
  let opinions: Opinions | null = null;
  let page: JudgePage | null = null;
  const wait = async (queue: Queue, signal: AbortSignal | undefined): Promise<void> => {
    if (queue.settled() === queue.rows.length) return;
    if (openPage === undefined)
      throw new WhetstoneError(
        'NO_PAGE',
        'the judge "person:" is people in a page, which nothing here opens',
        {
          hint: 'Name a file for them to fill in, such as person:to-judge.csv; programs give `openPage`.',
        },
      );
    page ??= await openPage();
    page.show(queue);
    try {
      await settled(queue, signal);
    } finally {
      page.show(null);
    }
  };
  return Promise.resolve({
    ...people,
    judge: async (requests, { onOutcome, signal, occasion, about = 'responses' }) => {
      if (requests.length === 0) return;
      if (signal?.aborted) throw stopped();
      if (cache === null)
        throw new WhetstoneError('NO_PAGE', 'no file keeps what people say', {
          hint: `Name one with ${option('judgeCache')}.`,
        });
      opinions ??= await openOpinions(cache);
      const queue = queueOf({ title: about, rows: requests, opinions, occasion });
      await wait(queue, signal);
      for (const row of requests.keys()) await onOutcome(queue.outcomeOf(row)!);
      await opinions.handOn();
    },
    usage: () => usageOf(0),
    close: async () => {
      await page?.close();
      await opinions?.close();
    },
  });
}

const stopped = (): WhetstoneError =>
  new WhetstoneError('STOPPED', 'stopped while people judge; what was judged is kept');

async function settled(queue: Queue, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const give = (): void => {
      leave();
      reject(stopped());
    };
    const look = (): void => {
      if (queue.settled() < queue.rows.length) return;
      leave();
      resolve();
    };
    const off = queue.on(look);
    const leave = (): void => {
      off();
      signal?.removeEventListener('abort', give);
    };
    signal?.addEventListener('abort', give, { once: true });
    if (signal?.aborted) give();
    else look();
  });
}
