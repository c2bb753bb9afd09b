// The model card of a trained adapter: README.md in its folder, Markdown behind the hub's metadata. Pure; what it says is
// given. It may be made public, so that of this machine's paths only last names stand in it.
import { basename, isAbsolute } from 'node:path';
import { stringify } from 'yaml';
import { flatten } from '../report/index.ts';
import type { Change, ReportData, UseEntry } from '../report/index.ts';
import { percent, plural } from '../words/numbers.ts';
import type { CardLicence } from './base-card.ts';
import type { EvaluatedRow } from './evaluation.ts';
import type { Trained } from './trained.ts';
import { useIt } from './use-it.ts';

export interface CardFacts {
  readonly trained: Trained;
  /** The base model's name on the hub; null for one that is a folder alone. */
  readonly baseId: string | null;
  /** What the base model's own card says of its licence. */
  readonly licence: CardLicence;
  readonly data: CardData | null;
  /** Name and what it does, for instance "cut" and "Contrastive Unlikelihood Training: ...". */
  readonly method: { readonly name: string; readonly title: string };
  readonly report: Pick<
    ReportData,
    'summary' | 'headline' | 'settings' | 'keySettings' | 'notes' | 'provenance'
  >;
  /** The rows that `report.headline.changes` was measured on, where none of them was trained on. */
  readonly heldOut: string | null;
  /** What an evaluation found for this adapter. */
  readonly evaluated: readonly EvaluatedRow[];
}

export interface CardData {
  /** The file's last name, and its name on the hub if it is a data set's. */
  readonly name: string;
  readonly hubId: string | null;
  /** As run.yaml has it, "sha256:HEX"; null where it has none. */
  readonly digest: string | null;
  /** Null where the file is not there any more. */
  readonly rows: { readonly satisfactory: number; readonly unsatisfactory: number } | null;
}

/** The card. Byte for byte the same for the same facts. */
export function modelCard(facts: CardFacts): string {
  const { trained, report, data } = facts;
  const sections = [
    `# ${trained.name}`,
    opening(facts),
    ...(data === null ? [] : ['## Data', dataWords(data)]),
    '## Method',
    methodWords(facts),
    '## Settings',
    settingsTable(report),
    ...figures(facts),
    '## How to use it',
    placesNote(facts),
    ...useIt(portable(facts)).map(useWords),
    '## Licence',
    licenceWords(facts),
    versionsWords(report),
  ];
  const metadata = stringify(cardMetadata(facts), { lineWidth: 0, aliasDuplicateObjects: false });
  return `---\n${metadata}---\n\n${sections.filter((part) => part !== '').join('\n\n')}\n`;
}

/** The front matter, as the hub names its fields. What is not known is left out rather than guessed. */
export function cardMetadata(facts: CardFacts): Readonly<Record<string, unknown>> {
  const { trained, baseId, licence, data, method } = facts;
  const results = indexedResults(facts);
  return {
    ...(baseId !== null && { base_model: baseId, base_model_relation: 'adapter' }),
    ...(data?.hubId != null && { datasets: [data.hubId] }),
    library_name: 'peft',
    ...licence,
    pipeline_tag: 'text-generation',
    tags: ['lora', 'whetstone', method.name],
    ...(results.length > 0 && {
      metrics: [...new Set(results.flatMap(({ metrics }) => metrics.map(({ type }) => type)))],
      'model-index': [{ name: trained.name, results }],
    }),
  };
}

interface IndexedResult {
  readonly task: { readonly type: 'text-generation'; readonly name: string };
  readonly dataset: { readonly name: string; readonly type: string };
  readonly metrics: readonly { readonly type: string; readonly value: number; readonly name: string }[];
}

/**
 * Held-out figures alone: what the hub shows beside those of other models has to be comparable. Readers tell results apart by
 * task and type of data set, so that each data set has a type of its own.
 */
function indexedResults({ report, heldOut, evaluated }: CardFacts): IndexedResult[] {
  const result = (type: string, name: string, metrics: IndexedResult['metrics']): IndexedResult[] =>
    metrics.length === 0
      ? []
      : [{ task: { type: 'text-generation', name: 'Text generation' }, dataset: { name, type }, metrics }];
  const success = report.headline?.success;
  const changes = heldOut === null ? [] : (report.headline?.changes?.of ?? []);
  const tasks = [...new Set(evaluated.map(({ task }) => task))];
  return [
    ...result(
      'held-out-instructions',
      'held-out instructions',
      success
        ? [{ type: 'success_rate', value: success.after.value, name: 'satisfactory responses, greedy' }]
        : [],
    ),
    ...result(
      'held-out-judgments',
      heldOut ?? '',
      changes.map(({ label, after }) => ({
        type: 'mean_token_probability',
        value: after,
        name: `mean token probability: ${label}`,
      })),
    ),
    ...tasks.flatMap((task) =>
      result(
        task,
        task,
        evaluated
          .filter((row) => row.task === task)
          .map(({ metric, cell }) => ({ type: metric, value: cell.value, name: metric })),
      ),
    ),
  ];
}

function opening({ trained, baseId, report }: CardFacts): string {
  const base =
    baseId === null ? code(basename(trained.base)) : `[${baseId}](https://huggingface.co/${baseId})`;
  const how = report.summary === undefined ? '' : ` ${report.summary}`;
  return `A LoRA adapter (rank ${trained.rank}, alpha ${trained.alpha}${trained.rankStabilized ? ', rank-stabilized' : ''}) of ${base}, trained from written judgments with Whetstone.${how}`;
}

function dataWords({ name, hubId, digest, rows }: CardData): string {
  const count =
    rows === null
      ? ''
      : `: ${plural(rows.unsatisfactory, 'response')} with a critique, ${rows.satisfactory} satisfactory`;
  const from = hubId === null ? '' : ` of the data set [${hubId}](https://huggingface.co/datasets/${hubId})`;
  return `${code(name)}${from}${count}.${digest === null ? '' : ` Its digest is ${code(digest)}.`}`;
}

const methodWords = ({ method }: CardFacts): string =>
  method.title === '' ? code(method.name) : `${code(method.name)}: ${method.title}.`;

/** Settings that matter to a reader; of paths their last names. */
function settingsTable({ settings = {}, keySettings }: CardFacts['report']): string {
  const rows = flatten(settings).filter(([name]) => keySettings?.includes(name.split('.')[0]!) ?? true);
  return table(
    ['setting', 'value'],
    rows.map(([name, value]) => [code(name), code(withoutPlace(value))]),
  );
}

const withoutPlace = (value: string): string =>
  isAbsolute(value) || /^[A-Za-z]:[\\/]|^\.{0,2}[\\/]/.test(value)
    ? value.slice(Math.max(value.lastIndexOf('/'), value.lastIndexOf('\\')) + 1)
    : value;

function figures({ report, evaluated }: CardFacts): string[] {
  const { success, changes } = report.headline ?? {};
  const range = ({ value, low, high }: { value: number; low?: number; high?: number }): string =>
    `${percent(value)}${low === undefined || high === undefined ? '' : ` [${percent(low)} to ${percent(high)}]`}`;
  const parts = [
    ...(success
      ? [
          table(
            ['', 'before', 'after'],
            [['satisfactory responses', range(success.before), range(success.after)]],
          ),
          `Counted are ${success.of}${success.interval === undefined ? '' : `; in brackets ${success.interval}`}.`,
        ]
      : []),
    ...(changes ? [changesTable(changes.of), changes.note] : []),
    ...(evaluated.length > 0
      ? [
          table(
            ['task', 'metric', 'value', 'items'],
            evaluated.map(({ task, metric, text, cell }) => [task, metric, text, String(cell.scored)]),
          ),
        ]
      : []),
  ];
  return parts.length === 0 ? [] : ['## Figures', ...parts, ...(report.notes ?? [])];
}

const changesTable = (changes: readonly Change[]): string =>
  table(
    ['mean probability of', 'before', 'after', 'of'],
    changes.map(({ label, before, after, note = '' }) => [label, percent(before), percent(after), note]),
  );

/** The same adapter as it is elsewhere: in a folder of its name, its base by its name. */
function portable({ trained, baseId }: CardFacts): Trained {
  const base = baseId ?? `./${basename(trained.base)}`;
  return {
    ...trained,
    adapter: `./${trained.name}`,
    base,
    folder: base,
    templateOption: isAbsolute(trained.templateOption)
      ? `./${basename(trained.templateOption)}`
      : trained.templateOption,
  };
}

const placesNote = ({ trained, baseId }: CardFacts): string =>
  `Here ${code(`./${trained.name}`)} is this folder${baseId === null ? `, and ${code(`./${basename(trained.base)}`)} that of the base model` : ''}.`;

const useWords = ({ title, text, blocks }: UseEntry): string =>
  [
    `### ${title}`,
    ...(text === undefined ? [] : [text]),
    ...blocks.map(({ file, code: lines }) => {
      const fence = '`'.repeat(Math.max(3, ...(lines.match(/`+/g) ?? []).map((run) => run.length + 1)));
      const named = file === undefined ? '' : `${code(file)}:\n\n`;
      return `${named}${fence}${languageOf(file)}\n${lines.trimEnd()}\n${fence}`;
    }),
  ].join('\n\n');

const languageOf = (file: string | undefined): string => {
  if (file === undefined) return 'sh';
  if (file.endsWith('.py')) return 'python';
  return file.endsWith('.json') ? 'json' : '';
};

function licenceWords({ licence, baseId, trained }: CardFacts): string {
  const base = baseId ?? basename(trained.base);
  return licence.license === undefined
    ? `The card of ${code(base)} says nothing of a licence, or is not there: see under which terms it may be used and passed on, and add \`license:\` above.`
    : `That of the base model ${code(base)}, as its card has it: ${code(licence.license_name ?? licence.license)}. The terms of the data, if it has any, are added by whoever knows them.`;
}

const versionsWords = ({ provenance }: CardFacts['report']): string => {
  const versions = Object.entries(provenance?.versions ?? {});
  return versions.length === 0
    ? ''
    : `Made with ${versions.map(([name, version]) => `${name} ${version}`).join(', ')}.`;
};

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text as Markdown's code, whatever backticks it holds. */
function code(text: string): string {
  const fence = '`'.repeat(1 + Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length)));
  const pad = fence.length > 1 ? ' ' : '';
  return `${fence}${pad}${text.replace(/\s+/g, ' ')}${pad}${fence}`;
}
