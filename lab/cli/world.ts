// whetstone world pretrain and world tasks: making a base model of the synthetic world, and instructions of it.
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { WhetstoneError } from '../../src/errors.ts';
import type { PretrainProgress, PretrainSettings } from '../world/pretrain.ts';
import { snakeFields } from '../../src/cli/events.ts';
import type { Given, Verb } from '../../src/cli/flags.ts';
import { makeFolder, writeFileDurably } from '../../src/durable/files.ts';
import { workingIn } from '../../src/durable/held.ts';
import { openRowsOut } from '../../src/cli/rows-out.ts';
import { formatDuration } from '../../src/cli/progress.ts';
import { stoppable } from '../../src/cli/signals.ts';
import type { MakeCommand } from '../../src/cli/program.ts';
import type { Screen, VerbContext } from '../../src/cli/screen.ts';
import { percent } from '../../src/words/numbers.ts';

export function worldCommand(make: MakeCommand): Command {
  return new Command('world')
    .summary('The synthetic world of the demo: its base models and its instructions')
    .description('The synthetic world of the demo: its base models and its instructions.')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addCommand(make(pretrainVerb, runPretrain, 'world pretrain'))
    .addCommand(make(tasksVerb, runTasks, 'world tasks'));
}

const positive = { kind: 'number', integer: true, min: 1 } as const;
const pretrainTable = {
  out: { kind: 'text', group: 'Files', placeholder: 'DIR', help: 'new Hugging Face folder' },
  hidden_size: { ...positive, group: 'Model', help: 'width' },
  intermediate_size: { ...positive, group: 'Model', help: 'width of the MLP' },
  layers: { ...positive, group: 'Model', help: 'decoder layers' },
  heads: { ...positive, group: 'Model', help: 'attention heads; they divide the width' },
  dtype: {
    kind: 'choice',
    choices: ['F32', 'F16', 'BF16'],
    group: 'Model',
    help: 'how the weights are stored:',
  },
  tokens: { ...positive, group: 'Training', help: 'predicted tokens to train on' },
  batch_tokens: { ...positive, group: 'Training', help: 'predicted tokens of one step, at least' },
  learning_rate: { kind: 'number', above: 0, group: 'Training', help: 'peak learning rate of AdamW' },
  weight_decay: { kind: 'number', min: 0, group: 'Training', help: 'weight decay of matrices' },
  judged: {
    kind: 'number',
    min: 0,
    max: 0.87,
    group: 'Training',
    help: 'share of documents that show a judgment before the response',
  },
  seed: {
    kind: 'number',
    integer: true,
    min: 0,
    max: 4294967295,
    group: 'Training',
    help: 'seed of weights and corpus',
  },
  threads: {
    ...positive,
    max: 512,
    nullable: true,
    group: 'Training',
    help: 'threads to compute with',
    defaultText: '1 for narrow models',
  },
} as const;

const pretrainVerb: Verb<typeof pretrainTable> = {
  name: 'pretrain',
  summary: "Train a base model of the world from nothing, as the project's own was",
  about: `Writes a corpus, trains every weight of a small Llama on it, measures the result and leaves a
Hugging Face folder with a model card. With the defaults it makes models/world-128 again, in
under twenty minutes on one core; the same settings give the same bytes on the same kind of
machine.`,
  examples: [
    ['world pretrain --out world', 'the base model of the demo'],
    ['world pretrain --out small --hidden_size 64 --intermediate_size 176', 'a smaller one'],
  ],
  table: pretrainTable,
  required: () => ['out'],
  together: () => [],
};

async function runPretrain({ given }: Given<typeof pretrainTable>, { screen }: VerbContext): Promise<number> {
  const { pretrain, pretrainDefaults } = await import('../world/pretrain.ts');
  const settings: PretrainSettings = { ...pretrainDefaults, ...given, out: resolve(given.out!) };
  if (settings.hiddenSize % (2 * settings.heads) !== 0) {
    throw new WhetstoneError(
      'INVALID_OPTIONS',
      `--heads ${settings.heads} must divide --hidden_size ${settings.hiddenSize} into even parts`,
    );
  }
  if (await stat(settings.out).catch(() => null)) {
    throw new WhetstoneError('OUT_EXISTS', 'is there already, and nothing is overwritten', {
      file: given.out!,
      hint: 'Give another folder with --out, or remove this one.',
    });
  }
  await makeFolder(dirname(settings.out));
  return stoppable(
    async (signal) => {
      const began = performance.now();
      const losses: number[] = [];
      let last: PretrainProgress | undefined;
      const recent = (): number =>
        losses.slice(-250).reduce((a, b) => a + b, 0) / Math.min(losses.length, 250);
      for await (const progress of pretrain(settings, signal)) {
        last = progress;
        losses.push(progress.loss);
        const loss = recent();
        screen.progress({
          what: 'token',
          done: Math.min(progress.tokens, settings.tokens),
          total: settings.tokens,
          details: [`step ${progress.step}`, `loss ${loss.toFixed(4)}`],
          fields: { step: progress.step, loss },
        });
      }
      screen.endProgress();
      const made = { last: last!, finalLoss: recent(), screen };
      await workingIn(settings.out, 'anew', () => describeModel(settings, given, made));
      const seconds = (performance.now() - began) / 1000;
      screen.tell('done', { out: given.out!, seconds }, `${given.out!} in ${formatDuration(seconds)}`);
    },
    (name) => screen.aside('stopping', `${name}: stopping, nothing is kept`),
  );
}

async function describeModel(
  settings: PretrainSettings,
  given: Partial<PretrainSettings>,
  { last, finalLoss, screen }: { last: PretrainProgress; finalLoss: number; screen: Screen },
): Promise<void> {
  const { withModel } = await import('../../src/generation/index.ts');
  const { assess } = await import('../world/assess.ts');
  const { modelCard } = await import('../world/model-card.ts');
  const { worldModelName } = await import('../world/model.ts');
  const { versions } = await import('../../src/runs/versions.ts');
  const { snakeCase } = await import('../../src/options/names.ts');
  const { out } = settings;
  const { assessment, size } = await withModel(
    { model: out, template: join(out, 'template.json') },
    async (opened) => ({ assessment: await assess(opened), size: opened.engine.describe() }),
  );
  const flags = Object.entries({
    ...given,
    out: `models/${worldModelName(settings.hiddenSize, settings.judged)}`,
  })
    .map(([name, value]) => ` --${snakeCase(name)} ${String(value)}`)
    .join('');
  const card = modelCard({
    settings,
    last,
    finalLoss,
    assessment,
    command: `whetstone world pretrain${flags}`,
    parameters: size.parameters,
    vocabulary: size.vocabSize,
    versions: { ...(await versions()) },
  });
  await writeModelCard(out, card);
  screen.tell(
    'assessed',
    { assessment: snakeFields(assessment) },
    `${percent(assessment.overall.satisfactory)} of ${assessment.tasks} development answers satisfactory; ` +
      `${percent(assessment.overall.typical)} with the typical mistake alone; ` +
      `${percent(assessment.revised)} of the unsatisfactory ones revised well`,
  );
}

/** Throws as `writeFileDurably`; the model is there without it. */
export const writeModelCard = (out: string, card: string): Promise<void> =>
  writeFileDurably(join(out, 'README.md'), card, { kept: 'The model itself is whole and kept.' });

const tasksTable = {
  out: {
    kind: 'text',
    default: '-',
    stream: 'out',
    group: 'Files',
    placeholder: 'FILE',
    help: 'new JSONL file; - for standard output',
  },
  split: {
    kind: 'choice',
    choices: ['train', 'development', 'test'],
    default: 'train',
    group: 'Run',
    help: 'train, development or test',
  },
  count: { ...positive, default: 100, group: 'Run', help: 'how many' },
  seed: {
    kind: 'number',
    default: 0,
    integer: true,
    min: 0,
    max: 4294967295,
    group: 'Run',
    help: 'seed of the drawing',
  },
} as const;

const tasksVerb: Verb<typeof tasksTable> = {
  name: 'tasks',
  summary: 'Write instructions of the world as JSONL',
  about: `Rows of { instruction, family }, distinct, as many of each family as of any other. The splits are
disjoint whatever the seed. "whetstone generate" answers such files.`,
  examples: [['world tasks --split test --count 100 --out tasks.jsonl', 'a hundred held-out instructions']],
  table: tasksTable,
  tellsOnStderr: () => true,
  required: () => [],
  together: () => [],
};

async function runTasks({ values }: Given<typeof tasksTable>, { screen }: VerbContext): Promise<number> {
  const { drawTasks } = await import('../world/index.ts');
  const tasks = drawTasks(values.split, values.count, values.seed);
  const rows = tasks.map(({ instruction, family }) => ({ instruction, family }));
  const { file, write } = await openRowsOut(values.out, null, screen);
  if (file === null) for (const row of rows) await write(row);
  else await writeFileDurably(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return 0;
}
