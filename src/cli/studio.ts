// whetstone studio: a page on this machine to talk to a model, judge its answers and watch it learn.
import { isLoopback } from '../serving/access.ts';
import { studioTable } from '../options/verbs/serving.ts';
import { openBrowser } from './browser.ts';
import type { Given, Verb } from './flags.ts';
import type { VerbContext } from './screen.ts';
import { readKey } from './server-key.ts';
import { interruption } from './signals.ts';

type StudioTable = typeof studioTable;

export const studioVerb: Verb<StudioTable> = {
  name: 'studio',
  summary: 'Open a page to talk to a model, judge its answers and watch it learn',
  about: `The page is for this machine alone: it listens on 127.0.0.1 and takes those who come with the link
that is printed here. Say in words what is wrong with an answer, see which words that is about,
press Learn. Judgments, trainings and versions are kept in a folder under --runs; closing the
page or ending this command loses nothing. Ctrl+C ends it.`,
  examples: [
    ['studio --model ./model', 'talk to a model'],
    ['studio --model ./model --adapter ./run/adapter --runs ./runs', 'go on from a run'],
    ['studio --judge responses.jsonl', 'judge responses, one at a time, alone or with others'],
    ['studio --runs ./runs', 'look at runs'],
    [
      'studio --model ./model --host 0.0.0.0 --api_key_env WHETSTONE_KEY',
      "for other people's browsers, with a key",
    ],
  ],
  table: studioTable,
  required: () => [],
  together: ({ host, apiKeyEnv, adapter, model }) => [
    ...(host !== undefined && !isLoopback(host) && apiKeyEnv == null
      ? [{ keys: ['host'], message: `others reach ${host}: give a key with --api_key_env` }]
      : []),
    ...(adapter != null && model == null
      ? [{ keys: ['adapter'], message: 'an adapter is of a model: give it with --model' }]
      : []),
  ],
};

export async function runStudio(
  { values }: Given<StudioTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { host, port, model, adapter, template, runs, prompts, threads, judge } = values;
  const { allowedHosts, shutdownTimeout } = values;
  const apiKey = readKey(values.apiKeyEnv);
  const { startStudio } = await import('../studio/index.ts');
  const asked = interruption({ inNative: true });
  // Weights that are being opened cannot be given up: the process ends with them.
  asked.onFirst(() => asked.endNow());
  const studio = await startStudio({
    host,
    port,
    apiKey,
    allowedHosts: allowedHosts ?? [],
    shutdownTimeout,
    model,
    adapter,
    template,
    runs,
    prompts,
    threads,
    judge,
    openEngine,
    onNote: screen.note,
    log: (line, kind) => {
      if (kind === 'fault') screen.warn(kind, line);
    },
  });
  try {
    const link = judge === null ? studio.link : `${studio.link}#/judge`;
    screen.result('studio', { url: link }, `The studio is at\n  ${link}\nCtrl+C ends it.`);
    if (values.open && process.stdout.isTTY && isLoopback(host)) openBrowser(link);
    await new Promise<void>((resolve) => asked.onFirst(() => resolve()));
    await studio.close();
    return 0;
  } finally {
    asked.dispose();
  }
}
