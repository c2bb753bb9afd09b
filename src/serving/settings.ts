// What a program gives the server and the models behind it, checked before anything is opened. Knows neither folders nor
// requests.
import { basename, dirname, resolve } from 'node:path';
import { modelOfSnapshot } from '../hub/index.ts';
import type { Entry, Problem } from '../options/check.ts';
import { show } from '../options/check.ts';
import { defaultsOf, pick } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { compute } from '../options/tables/compute.ts';
import { servedBy } from '../options/tables/serving.ts';
import { engineTable } from '../options/verbs/engine.ts';
import { serveTable } from '../options/verbs/serving.ts';
import type { ModelsToServe, NamedAdapter } from './served-model.ts';
import type { ServerOptions } from './server.ts';

type ModelsTable = Pick<typeof engineTable, 'model_dir'> &
  typeof compute &
  Pick<typeof serveTable, 'template' | 'template_args' | 'slots' | 'generation_config'>;

const modelsTable: ModelsTable = {
  ...pick(engineTable, ['model_dir']),
  ...compute,
  ...pick(serveTable, ['template', 'template_args', 'slots', 'generation_config']),
};

export type ModelsSettings = SettingsOf<ModelsTable>;

export const modelsDefaults: DefaultsOf<ModelsTable> = defaultsOf(modelsTable);

/** What `openModels` takes. */
export const modelsEntry: Entry<ModelsTable> = {
  table: modelsTable,
  others: { adapters: 'list', onNote: 'function', openEngine: 'function' },
  required: () => ['modelDir'],
  together: ({ modelDir, adapters = [] }: Partial<ModelsToServe>) => {
    const wrong = adapters.filter((adapter) => !isNamedAdapter(adapter));
    if (wrong.length > 0) {
      return wrong.map((found) => ({
        keys: ['adapters'],
        message: `expected adapters as { name, dir }, found ${show(found)}`,
      }));
    }
    const own = modelDir === undefined ? [] : [baseName(modelDir)];
    return twice([...adapters.map(adapterName), ...own]);
  },
};

type ServerTable = Pick<
  typeof serveTable,
  'host' | 'allowed_hosts' | 'max_new_tokens' | 'max_body_bytes' | 'shutdown_timeout'
> &
  typeof servedBy & { readonly port: Omit<(typeof serveTable)['port'], 'default'> & { readonly default: 0 } };

const serverTable: ServerTable = {
  ...pick(serveTable, ['host', 'allowed_hosts', 'max_new_tokens', 'max_body_bytes', 'shutdown_timeout']),
  port: { ...serveTable.port, default: 0 },
  ...servedBy,
};

export type ServerSettings = SettingsOf<ServerTable>;

export const serverDefaults: DefaultsOf<ServerTable> = defaultsOf(serverTable);

/** What `startServer` takes. */
export const serverEntry: Entry<ServerTable> = {
  table: serverTable,
  others: { models: 'list', learner: 'object', log: 'function', record: 'function', patience: 'object' },
  required: () => ['models'],
  together: ({ models = [], learner }: Partial<ServerOptions>) =>
    twice([...(learner ? [learner.id] : []), ...models.map(({ id }) => id)]),
};

/** The name by which requests call a model: that of its folder, or of the model of the hub. */
export const baseName = (modelDir: string): string =>
  modelOfSnapshot(resolve(modelDir)) ?? basename(resolve(modelDir));

/** Without a name of its own an adapter is called after its folder, or after the run that it is in. */
export function adapterName({ name, dir: given }: NamedAdapter): string {
  const dir = resolve(given);
  return name ?? (basename(dir) === 'adapter' ? basename(dirname(dir)) : basename(dir));
}

function isNamedAdapter(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, dir } = value as Partial<Record<keyof NamedAdapter, unknown>>;
  return typeof dir === 'string' && (name === null || typeof name === 'string');
}

/** Requests could not tell models of one name apart. */
function twice(names: readonly string[]): Problem[] {
  const found = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return [...found].map((name) => ({
    keys: [],
    message: `two models would have the name "${name}"; name their adapters (NAME=DIR)`,
  }));
}
