// whetstone serve: a model and its adapters behind OpenAI's API.
import { computeOf } from '../engine/open-weights.ts';
import { withRemedy } from '../errors.ts';
import type { WhetstoneError } from '../errors.ts';
import type { NamedAdapter, Recording } from '../serving/index.ts';
import type { Given, Verb } from './flags.ts';
import { serveTable } from '../options/verbs/serving.ts';
import { plural } from '../words/numbers.ts';
import type { VerbContext } from './screen.ts';
import { readKey } from './server-key.ts';
import { openServedLearning } from './serve-learning.ts';
import type { ServedLearning } from './serve-learning.ts';
import { interruption } from './signals.ts';

type ServeTable = typeof serveTable;

export const serveVerb: Verb<ServeTable> = {
  name: 'serve',
  summary: "Serve a model and its adapters over OpenAI's API",
  about: `GET /v1/models, POST /v1/chat/completions and /v1/completions, streamed or not. Requests share
the running batch. The first Ctrl+C (or SIGTERM) lets those under way finish and refuses new
ones; the second ends at once. Prompts and keys are not logged; with --record chats are kept
in a file, for "whetstone data convert". With --learn the model learns from judgments of its
answers (POST /v1/judgments) while it is served, and every version can be returned to.`,
  examples: [
    [
      'serve --model ./model --adapter ./run/adapter',
      'the adapter as model "run", the base model as "model"',
    ],
    [
      'serve --model ./model --adapter a=./run-1/adapter --adapter b=./run-2/adapter --port 0',
      'two adapters to compare',
    ],
    ['serve --model ./model --record chats.jsonl', 'what is said is kept, to learn from'],
    [
      'serve --model ./model --learn ./mine',
      'model "mine" learns from judgments as they come; its versions are in the folder',
    ],
    ['serve --model ./model --host 0.0.0.0 --api_key_env WHETSTONE_KEY', 'for other machines, with a key'],
  ],
  table: serveTable,
  tellsOnStderr: () => true,
  required: () => ['model'],
  together: ({ learn = null, ...given }) =>
    learn !== null
      ? []
      : learningOnly
          .filter((key) => given[key] !== undefined)
          .map((key) => ({
            keys: [key, 'learn'],
            message: 'this says how a model learns, and nothing is learned here',
          })),
};

const learningOnly = [
  'learnConfig',
  'learnAfter',
  'learnPatience',
  'nextMessage',
  'fixedPrompts',
  'maxDrift',
] as const;

export async function runServe(
  { values, given }: Given<ServeTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { host, port, maxNewTokens, maxBodyBytes, shutdownTimeout } = values;
  const apiKey = readKey(values.apiKeyEnv);
  const { isLoopback, openModels, openRecording, startServer } = await import('../serving/index.ts');
  const asked = interruption({ inNative: true });
  // Weights that are being opened cannot be given up: the process ends with them.
  asked.onFirst(() => asked.endNow());
  const served = await openModels({
    modelDir: values.model,
    adapters: (values.adapter ?? []).map(readAdapter),
    template: values.template,
    templateArgs: values.templateArgs,
    ...computeOf(values),
    slots: values.slots,
    generationConfig: values.generationConfig,
    openEngine,
    onNote: screen.note,
  });
  let recording: Recording | null = null;
  let serving: ServedLearning | null = null;
  try {
    if (values.learn !== null)
      serving = await openServedLearning(values.learn, values, given, {
        screen,
        openEngine,
        beside: served.memory,
      });
    if (values.record !== null) {
      const tell = (error: WhetstoneError): void =>
        screen.warn('fault', `Chats are no longer recorded: ${withRemedy(error)}`);
      recording = await openRecording(values.record, tell, screen.note);
    }
    const server = await startServer({
      models: served.models,
      host,
      port,
      apiKey,
      maxNewTokens,
      maxBodyBytes,
      allowedHosts: values.allowedHosts,
      corsOrigins: values.corsOrigin ?? [],
      shutdownTimeout,
      ...(recording && { record: recording.record }),
      ...(serving && { learner: serving.learner }),
      log: (line, kind) => (kind === 'fault' ? screen.warn : screen.aside)(kind, line),
    });
    if (!isLoopback(host) && apiKey === null) {
      screen.warn(
        'warning',
        `Anyone who reaches ${host} can use this server: there is no key (--api_key_env).`,
      );
    }
    const models = [...(serving ? [serving.learner.id] : []), ...served.models.map(({ id }) => id)];
    const url = `${server.url}/v1`;
    screen.result('serving', { models, url }, `Serving ${models.join(', ')} at ${url}`);
    await new Promise<void>((resolve) => {
      asked.onFirst((name) => {
        screen.aside(
          'stopping',
          `${name}: ${plural(server.underWay(), 'request')} under way, no new ones, and ${shutdownTimeout} s to end. ` +
            'Once more ends at once.',
        );
        resolve();
      });
    });
    const cutOff = await server.drain();
    if (cutOff > 0) {
      screen.aside('stopped', `${plural(cutOff, 'request')} cut off after ${shutdownTimeout} s.`);
      asked.endNow();
    }
    return 0;
  } finally {
    asked.dispose();
    await serving?.close();
    await recording?.close();
    await served.dispose();
  }
}

/** "NAME=DIR" or "DIR". */
function readAdapter(text: string): NamedAdapter {
  const [, name, dir] = /^([\w.:@+-]+)=(.+)$/.exec(text) ?? [];
  return name === undefined ? { name: null, dir: text } : { name, dir: dir! };
}
