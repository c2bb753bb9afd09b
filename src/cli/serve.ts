// whetstone serve: a model and its adapters behind OpenAI's API.
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { NamedAdapter } from '../serving/index.ts';
import type { Given, Verb } from './flags.ts';
import type { Schema } from '../options/kinds.ts';
import { interruption } from './signals.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural } from './terminal.ts';

export interface ServeFlags {
  readonly model: string;
  readonly adapter: readonly string[] | null;
  readonly template: string | null;
  readonly host: string;
  readonly port: number;
  readonly apiKeyEnv: string | null;
  readonly corsOrigin: readonly string[] | null;
  readonly maxNewTokens: number | null;
  readonly maxBodyBytes: number;
  readonly threads: number | null;
  readonly slots: number | null;
  readonly quiet: boolean;
}

const schema: Schema<ServeFlags> = {
  model: {
    kind: 'text',
    group: 'Models',
    placeholder: 'DIR',
    help: 'Hugging Face model folder, or a model of the hub (ORG/NAME); its name is the name in requests',
  },
  adapter: {
    kind: 'list',
    group: 'Models',
    nullable: true,
    placeholder: '[NAME=]DIR',
    help: 'PEFT adapter, as a model of its own; may be given several times; without NAME it is called after its folder, or after the run it is in',
    defaultText: 'none',
  },
  template: {
    kind: 'text',
    group: 'Models',
    nullable: true,
    placeholder: 'NAME|FILE',
    help: 'prompt layout of chats: chat, alpaca, or a template file',
    defaultText: 'chat where the model has a chat template, else alpaca',
  },
  threads: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 512,
    nullable: true,
    group: 'Models',
    help: 'threads to compute with',
    defaultText: 'all cores; 1 for narrow models',
  },
  slots: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 1024,
    nullable: true,
    group: 'Models',
    help: 'texts generated side by side, of each model; fewer make one text alone faster, more make many faster',
    defaultText: '8; 64 for narrow models',
  },
  host: { kind: 'text', group: 'Server', placeholder: 'ADDRESS', help: 'address to listen on' },
  port: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 65535,
    group: 'Server',
    help: 'port to listen on; 0 takes one that is free and prints it',
  },
  apiKeyEnv: {
    kind: 'text',
    group: 'Server',
    nullable: true,
    placeholder: 'NAME',
    help: 'environment variable with the key that clients must bring',
    defaultText: 'no key',
  },
  corsOrigin: {
    kind: 'list',
    group: 'Server',
    nullable: true,
    placeholder: 'ORIGIN',
    help: 'origin of web pages that may use the server, such as http://localhost:3000, or * for all',
    defaultText: 'none may',
  },
  maxNewTokens: {
    kind: 'number',
    integer: true,
    min: 1,
    nullable: true,
    group: 'Limits',
    help: 'most tokens of a response',
    defaultText: 'what the context has room for',
  },
  maxBodyBytes: {
    kind: 'number',
    integer: true,
    min: 1,
    group: 'Limits',
    help: 'largest body of a request',
  },
  quiet: {
    kind: 'boolean',
    group: 'Server',
    help: 'no line of log for each request',
    defaultText: '',
  },
};

export const serveVerb: Verb<ServeFlags> = {
  name: 'serve',
  summary: "Serve a model and its adapters over OpenAI's API",
  about: `GET /v1/models, POST /v1/chat/completions and /v1/completions, streamed or not. Requests share
the running batch. The first Ctrl+C (or SIGTERM) lets those under way finish and refuses new
ones; the second ends at once. Prompts and keys are not logged.`,
  examples: [
    [
      'serve --model ./model --adapter ./run/adapter',
      'the adapter as model "run", the base model as "model"',
    ],
    [
      'serve --model ./model --adapter a=./run-1/adapter --adapter b=./run-2/adapter --port 0',
      'two adapters to compare',
    ],
    ['serve --model ./model --host 0.0.0.0 --api_key_env WHETSTONE_KEY', 'for other machines, with a key'],
  ],
  schema,
  defaults: {
    ...{
      adapter: null,
      template: null,
      threads: null,
      slots: null,
      apiKeyEnv: null,
      corsOrigin: null,
      maxNewTokens: null,
    },
    ...{ host: '127.0.0.1', port: 8080, maxBodyBytes: 4 * 2 ** 20, quiet: false },
  },
  required: ['model'],
};

export async function runServe(
  { values }: Given<ServeFlags>,
  context: { stdout: Output; stderr: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { stdout, stderr } = context;
  const { host, port, maxNewTokens, maxBodyBytes, quiet } = values;
  const apiKey = readKey(values.apiKeyEnv);
  const { isLoopback, openModels, startServer } = await import('../serving/index.ts');
  const asked = interruption();
  const served = await openModels({
    modelDir: values.model,
    adapters: (values.adapter ?? []).map(readAdapter),
    template: values.template,
    threads: values.threads,
    slots: values.slots,
    openEngine: context.openEngine,
  });
  try {
    const log = (line: string): void => void stderr.write(`${line}\n`);
    const server = await startServer({
      ...{ models: served.models, host, port, apiKey, maxNewTokens, maxBodyBytes },
      corsOrigins: values.corsOrigin ?? [],
      log: (line, kind) => (quiet && kind === 'request' ? undefined : log(line)),
    });
    if (!isLoopback(host) && apiKey === null) {
      const warning = colorsFor(stderr).yellow('warning');
      log(`${warning} Anyone who reaches ${host} can use this server: there is no key (--api_key_env).`);
    }
    stdout.write(`Serving ${served.models.map(({ id }) => id).join(', ')} at ${server.url}/v1\n`);
    await new Promise<void>((resolve) => {
      asked.onFirst((name) => {
        log(
          `${name}: ${plural(server.underWay(), 'request')} under way, no new ones. Once more ends at once.`,
        );
        resolve();
      });
    });
    await server.drain();
    return 0;
  } finally {
    asked.dispose();
    await served.dispose();
  }
}

/** The key in an environment variable; it is never given on the command line, where others can see it. */
function readKey(name: string | null): string | null {
  if (name === null) return null;
  const key = process.env[name] ?? '';
  if (key.trim() !== '') return key.trim();
  throw new WhetstoneError('INVALID_OPTIONS', `--api_key_env: the variable ${name} is not set`, {
    hint: `Set it, for instance: export ${name}="$(openssl rand -hex 24)"`,
  });
}

/** "NAME=DIR" or "DIR". */
function readAdapter(text: string): NamedAdapter {
  const [, name, dir] = /^([\w.:@+-]+)=(.+)$/.exec(text) ?? [];
  return name === undefined ? { name: null, dir: text } : { name, dir: dir! };
}
