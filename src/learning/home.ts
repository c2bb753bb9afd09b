// The folder of a model that learns: taken by one process at a time, its record home.json, its template and the adapter
// that it was begun with. Knows files, not what is learned.
import { cp, mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { WhetstoneError } from '../errors.ts';
import type { Problem } from '../errors.ts';
import { withStart } from '../alignment/start.ts';
import { explainWriting } from '../durable/explain.ts';
import {
  ignore,
  makeFolder,
  removeLeftovers,
  writeDirectoryDurably,
  writeFileDurably,
} from '../durable/files.ts';
import { folderLock, lockFolder } from '../durable/lock.ts';
import { loadVoice } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import { checkOptions } from '../options/check.ts';
import { settingsForRecord, settingsOfRecord } from '../options/record.ts';
import { isFields } from '../rows/fields.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { digestDifferences, folderDigests } from '../runs/digests.ts';
import type { Digests } from '../runs/digests.ts';
import { versions } from '../runs/versions.ts';
import type { Versions } from '../runs/versions.ts';
import { describeTemplate, sameTemplate } from '../tokens/template-record.ts';
import type { TemplateArgs, TemplateRecord } from '../tokens/index.ts';
import type { Note } from '../words/note.ts';
import { option } from '../words/option.ts';
import { homeTable, learningEntry, resolveLearning } from './settings.ts';
import type { LearningSettings } from './settings.ts';

export interface Home {
  readonly path: string;
  readonly settings: LearningSettings;
  /** How prompts are put, whatever `settings.template` was called; a spec that `loadTemplate` takes. */
  readonly template: { readonly spec: string; readonly args: TemplateArgs };
  readonly voice: Voice;
  /** When it was begun, ISO 8601. */
  readonly begun: string;
  /** Whether version 0 is an adapter. */
  readonly hasStart: boolean;
  release(): Promise<void>;
}

export interface HomeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears why taking the folder takes its time. */
  readonly onNote?: ((note: Note) => void) | undefined;
}

interface HomeRecord {
  readonly begun: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly model: Digests;
  /** Null: the model as it is. */
  readonly adapter: Digests | null;
  readonly template: TemplateRecord;
  readonly versions: Versions;
}

export const homePaths = {
  record: (home: string): string => join(home, 'home.json'),
  events: (home: string): string => join(home, 'events.jsonl'),
  answers: (home: string): string => join(home, 'answers.jsonl'),
  version: (home: string, version: number): string => join(home, 'versions', String(version)),
  /** The run of `align` that makes a version, and the rows that it learns from. */
  training: (home: string, version: number): string => join(home, 'trainings', String(version)),
  rows: (home: string, version: number): string => join(home, 'trainings', `${version}.jsonl`),
  template: (home: string): string => join(home, 'template.json'),
} as const;

/**
 * Takes the folder, and begins a home there if it is not one yet; then `model` has to be given. What is given otherwise
 * than the record has it holds from now on, except for the model, the adapter and the template.
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, `NOT_A_HOME` for a folder that holds something else, `BAD_HOME` for a record
 * that cannot be read, `RESUME_MISMATCH` for another model, adapter or template than it was begun with, `RUN_LOCKED`, and
 * what reading model, adapter and template throws.
 */
export async function openHome(options: object, { signal, onNote }: HomeOptions = {}): Promise<Home> {
  const { home, ...given } = checkOptions(learningEntry, options) as Partial<LearningSettings> & {
    readonly home: string;
  };
  const path = resolve(home);
  if ((await look(path)) === 'nothing' && given.model === undefined) checkOptions(needsModel, options);
  await explainWriting(path, () => mkdir(path, { recursive: true }));
  const lock = await lockFolder(path, { signal, onNote, goesOn: 'again' });
  try {
    await removeLeftovers(path);
    const opened =
      (await look(path)) === 'home' ? await goOn(path, given) : await begin(path, given as GivenHome);
    for (const name of ['versions', 'trainings']) {
      await makeFolder(join(path, name));
      await removeLeftovers(join(path, name));
    }
    for (const note of lock.notes) onNote?.(note);
    return { ...opened, path, release: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type GivenHome = Partial<LearningSettings> & Pick<LearningSettings, 'model'>;
type Opened = Omit<Home, 'path' | 'release'>;

const needsModel: typeof learningEntry = { ...learningEntry, required: () => ['home', 'model'] };

async function look(path: string): Promise<'nothing' | 'home'> {
  const foreign = new WhetstoneError(
    'NOT_A_HOME',
    'this exists and is not the folder of a model that learns',
    {
      file: path,
      hint: `Choose another ${option('home')}.`,
    },
  );
  try {
    if (!(await stat(path)).isDirectory()) throw foreign;
  } catch (error) {
    ignore('ENOENT')(error);
    return 'nothing';
  }
  const names = await readdir(path);
  if (names.includes('home.json')) return 'home';
  // What a process killed before it was one leaves behind.
  const left = [folderLock, '.', 'versions', 'template.json'];
  if (!names.every((name) => left.some((start) => name.startsWith(start)))) throw foreign;
  return 'nothing';
}

async function begin(path: string, given: GivenHome): Promise<Opened> {
  const all = resolveLearning(given);
  const start = all.adapter === null ? null : await adapterFolder(all.adapter);
  const settings = await withStart(all, start, given);
  const { model, template, templateArgs } = settings;
  const asked = await loadVoice({ model, template, args: templateArgs ?? {}, adapter: start });
  if (start !== null)
    await writeDirectoryDurably(homePaths.version(path, 0), (dir) => copyAdapter(start, dir));
  const { strings } = asked.template.record;
  if (strings !== undefined)
    await writeFileDurably(homePaths.template(path), `${JSON.stringify(strings, null, 2)}\n`);
  const record: HomeRecord = {
    begun: new Date().toISOString(),
    settings: settingsForRecord(homeTable, settings),
    model: await folderDigests(model),
    adapter: start === null ? null : await folderDigests(homePaths.version(path, 0)),
    template: asked.template.record,
    versions: await versions(),
  };
  await writeRecord(path, record);
  return openedOf(path, record, settings);
}

async function goOn(path: string, given: Partial<LearningSettings>): Promise<Opened> {
  const record = await readRecord(path);
  const before = settingsOfRecord(homeTable, record.settings) as Partial<LearningSettings> &
    Pick<LearningSettings, 'model'>;
  const settings = { ...resolveLearning(before), ...given };
  // Says where there is no such model.
  const opened = await openedOf(path, record, settings);
  const problems = [
    ...digestDifferences('model', record.model, await folderDigests(settings.model)),
    ...(given.adapter === undefined ? [] : await adapterDifferences(given.adapter, record)),
    ...(await templateDifferences(given, settings.model, record)),
  ];
  if (problems.length > 0)
    throw new WhetstoneError('RESUME_MISMATCH', 'this home was begun with something else', {
      file: path,
      problems: problems.map((problem): Problem => ({ problem })),
      hint: `Leave these options out or restore the files, or begin another ${option('home')}.`,
    });
  const recorded = settingsForRecord(homeTable, settings);
  if (!isDeepStrictEqual(recorded, record.settings))
    await writeRecord(path, { ...record, settings: recorded });
  return opened;
}

async function adapterDifferences(given: string | null, { adapter }: HomeRecord): Promise<string[]> {
  if (given === null) return adapter === null ? [] : ['adapter: the home was begun with one'];
  if (adapter === null) return ['adapter: the home was begun with the model as it is'];
  return digestDifferences('adapter', adapter, await folderDigests(given));
}

async function templateDifferences(
  { template, templateArgs }: Partial<LearningSettings>,
  model: string,
  { template: before }: HomeRecord,
): Promise<string[]> {
  if (template === undefined || template === null) return [];
  const { record } = (await loadVoice({ model, template, args: templateArgs ?? {} })).template;
  if (sameTemplate(record, before)) return [];
  return [`template: the home has ${describeTemplate(before)}, now ${describeTemplate(record)}`];
}

async function openedOf(path: string, record: HomeRecord, settings: LearningSettings): Promise<Opened> {
  const { template: name, template_args: args = {}, strings } = record.template;
  const template = { spec: strings === undefined ? name : homePaths.template(path), args };
  const voice = await loadVoice({ model: settings.model, template: template.spec, args });
  return { settings, template, voice, begun: record.begun, hasStart: record.adapter !== null };
}

/** The files of an adapter that is whole, in a folder that may hold others. */
export async function copyAdapter(from: string, to: string): Promise<void> {
  for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'prompt_template.json'])
    await cp(join(from, name), join(to, name)).catch(
      name === 'prompt_template.json' ? ignore('ENOENT') : rethrow,
    );
}

const rethrow = (error: unknown): never => {
  throw error;
};

const writeRecord = (path: string, record: HomeRecord): Promise<void> =>
  writeFileDurably(homePaths.record(path), `${JSON.stringify(record, null, 2)}\n`);

async function readRecord(path: string): Promise<HomeRecord> {
  const file = homePaths.record(path);
  let value: unknown = null;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    // Told below, with everything else that is no record.
  }
  if (
    isFields(value) &&
    typeof value['begun'] === 'string' &&
    isFields(value['settings']) &&
    typeof value['settings']['model'] === 'string' &&
    isFields(value['model']) &&
    isFields(value['template']) &&
    typeof value['template']['template'] === 'string'
  )
    return value as unknown as HomeRecord;
  throw new WhetstoneError('BAD_HOME', 'expected the record of a model that learns', {
    file,
    hint: 'The record is damaged. Restore it from a copy; judgments and versions beside it are whole.',
  });
}
