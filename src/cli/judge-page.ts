// The page for a command that waits for people: the studio with what is to be judged, and its link in the terminal.
import { WhetstoneError } from '../errors.ts';
import type { OpenJudgePage } from '../judges/person/page.ts';
import type { Queue } from '../judges/person/queue.ts';
import { studioTable } from '../options/verbs/serving.ts';
import type { StudioOptions } from '../studio/index.ts';
import { plural } from '../words/numbers.ts';
import { openBrowser } from './browser.ts';
import type { Screen } from './screen.ts';

/** `runs` is the folder that the studio shows; its secret lies there. */
export function judgePage(screen: Screen, runs: string): OpenJudgePage {
  return async () => {
    const { startStudio } = await import('../studio/index.ts');
    let shown: Queue | null = null;
    const listeners = new Set<(queue: Queue | null) => void>();
    const options: StudioOptions = {
      ...{ host: '127.0.0.1', port: studioTable.port.default, apiKey: null, runs },
      ...{ model: null, adapter: null, template: null, prompts: null, threads: null },
      shutdownTimeout: studioTable.shutdown_timeout.default,
      asked: {
        now: () => shown,
        on: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      onNote: screen.note,
    };
    const studio = await startStudio(options).catch((error: unknown) => {
      // Another studio is there; a page that is open finds back to one whose port is known.
      if (error instanceof WhetstoneError && error.code === 'CANNOT_LISTEN')
        return startStudio({ ...options, port: 0 });
      throw error;
    });
    const link = `${studio.link}#/judge`;
    let opened = false;
    return {
      show: (queue) => {
        shown = queue;
        for (const listener of listeners) listener(queue);
        if (queue === null) return;
        const open = queue.rows.length - queue.settled();
        screen.endProgress();
        screen.tell(
          'judge_page',
          { url: link, title: queue.title, open },
          `${queue.title}: ${plural(open, 'response')} to judge, at\n  ${link}`,
        );
        if (!opened && process.stdout.isTTY && !screen.json && !screen.quiet) openBrowser(link);
        opened = true;
      },
      close: () => studio.close(),
    };
  };
}
