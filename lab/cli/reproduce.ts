// whetstone reproduce: the paper's tables and figures by one command each, and the hidden verb of its workers.
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { snakeCase } from '../../src/options/names.ts';
import { reproductionNames, reproductions } from '../reproduction/names.ts';
import type { Reproduction, ReproductionName, ScheduleEvent, WorkerCommand } from '../reproduction/index.ts';
import type { Given, Verb } from '../../src/cli/flags.ts';
import type { SettingsOf } from '../../src/options/table.ts';
import { formatDuration } from '../../src/cli/progress.ts';
import type { Screen, VerbContext } from '../../src/cli/screen.ts';
import { stoppable } from '../../src/cli/signals.ts';
import { plural } from '../../src/words/numbers.ts';

const table = {
  name: {
    kind: 'choice',
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion -- isolatedDeclarations asks for it
    choices: [...reproductionNames, 'all'] as readonly (ReproductionName | 'all')[],
    positional: true,
    group: 'Files',
    placeholder: 'NAME',
    help: 'the table or figure, or all',
  },
  out: {
    kind: 'text',
    group: 'Files',
    placeholder: 'DIR',
    default: 'runs/reproduce',
    help: 'folder for NAME.md, NAME.json, NAME.svg and cells/; suites in one folder share what they have in common; for all: folder for results.md and results/',
  },
  model: {
    kind: 'text',
    group: 'Files',
    placeholder: 'DIR',
    nullable: true,
    help: 'model folder: one that "whetstone world pretrain" made or, with --data, any',
    defaultText: 'the one that comes with Whetstone',
  },
  data: {
    kind: 'text',
    group: 'Files',
    placeholder: 'FILE',
    nullable: true,
    help: 'judged responses to train on and to score, in place of the world',
    defaultText: 'the world',
  },
  template: {
    kind: 'text',
    group: 'Files',
    default: 'alpaca',
    placeholder: 'NAME|FILE',
    help: 'prompt layout for --data: alpaca, chat or a file',
  },
  seeds: {
    kind: 'number',
    integer: true,
    min: 1,
    nullable: true,
    group: 'Size',
    help: 'runs of each row',
    defaultText: '3; 1 for tune',
  },
  train: {
    kind: 'number',
    integer: true,
    min: 1,
    default: 250,
    group: 'Size',
    help: 'training instructions of the world',
  },
  test: {
    kind: 'number',
    integer: true,
    min: 1,
    default: 600,
    group: 'Size',
    help: 'instructions to be tested on, the same for every row',
  },
  per_round: {
    kind: 'number',
    integer: true,
    min: 1,
    default: 100,
    group: 'Size',
    help: 'training instructions of an online round',
  },
  jobs: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 512,
    nullable: true,
    group: 'Run',
    help: 'experiments at once, each in a process of its own',
    defaultText: 'one for each core; 1 for wide models',
  },
} as const;

const longest = Math.max(...reproductionNames.map((name) => name.length));
const listed = [
  ...reproductionNames.map((name) => `${name.padEnd(longest)}  ${reproductions[name]}`),
  `${'all'.padEnd(longest)}  all of them but tune, with as many seeds as the documentation has, and a page that sums them up`,
].join('\n');

type ReproduceFlags = SettingsOf<typeof table>;

export const reproduceVerb: Verb<typeof table> = {
  name: 'reproduce',
  summary: "Make the paper's tables and figures again, on a small world or on your own model and data",
  about: `${listed}

Every result is kept in DIR/cells as soon as it is there, so the same command goes on where
it was interrupted. With --data, held-out rows are scored instead of answers being judged;
those that ask for judgments of new answers need the world.`,
  examples: [
    ['reproduce table2', 'into runs/reproduce'],
    ['reproduce table4 --seeds 5 --jobs 4', 'more seeds, four at once'],
    ['reproduce all --out docs', 'the pages of the documentation'],
    ['reproduce table2 --model ./model --data judged.jsonl --out mine', 'on your own model and judgments'],
  ],
  table,
  required: () => ['name'],
  together: ({ name, model, data, template, seeds, train, test, perRound }) => [
    ...(name === 'all' && (model ?? data ?? seeds ?? train ?? test ?? perRound) !== undefined
      ? [{ keys: ['name'], message: 'all has sizes and models of its own; give out and jobs at most' }]
      : []),
    ...(data && !model
      ? [{ keys: ['data', 'model'], message: 'data needs a model to be trained on it' }]
      : []),
    ...(template && !data
      ? [{ keys: ['template'], message: 'the world has its own; this goes with data' }]
      : []),
    ...(name === 'table5' && model
      ? [{ keys: ['model'], message: 'table5 compares the models that come with Whetstone' }]
      : []),
  ],
};

/** The hidden verb: computes experiments for the process that started it. */
export const workerVerbName = 'reproduce-worker';

export function workerCommand(): Command {
  return new Command(workerVerbName).action(async () => {
    const { serveExperiments } = await import('../reproduction/index.ts');
    await serveExperiments();
  });
}

export interface ReproduceContext extends VerbContext {
  /** How to start this program again; without it one experiment runs at a time, in this process. */
  readonly worker?: WorkerCommand;
}

export async function runReproduce(
  { given, values }: Given<typeof table>,
  { screen, worker }: ReproduceContext,
): Promise<number> {
  const { reproduce, reproduceEverything } = await import('../reproduction/index.ts');
  const { name, out, model, data, template, seeds, train, test, perRound, jobs } = values;
  const running = {
    out,
    onEvent: (event: ScheduleEvent) => show(event, screen),
    ...(jobs !== null && { jobs }),
    ...(worker && (jobs ?? availableParallelism()) > 1 && { worker }),
  };
  const make = (signal: AbortSignal): Promise<Reproduction> =>
    name === 'all'
      ? reproduceEverything({
          ...running,
          signal,
          onPart: (part, number, total) =>
            screen.tell('part', { part, number, total }, `${number}/${total} ${part}`),
        })
      : reproduce({
          ...running,
          signal,
          name,
          scale: { train, test, perRound },
          command: commandOf(given),
          ...(model !== null && { model }),
          ...(data !== null && { data, template }),
          ...(seeds !== null && { seeds }),
        });
  return stoppable(
    async (signal) => {
      const { table, conclusions, files, seconds } = await make(signal).finally(() => screen.endProgress());
      const words = `\n${table}\n\n${conclusions.map((line) => `${line}\n`).join('')}`;
      screen.result('table', { name, table, conclusions }, words);
      const done = screen.colors.green('done');
      screen.tell('done', { seconds, files }, `${done} in ${formatDuration(seconds)}: ${files.join(', ')}`);
    },
    (signalName) =>
      screen.aside(
        'stopping',
        `${signalName}: stopping. What was computed stays; the same command goes on from there.`,
      ),
  );
}

/** The command line again, with what was given. */
function commandOf(given: Partial<ReproduceFlags>): string {
  const { name, ...flags } = given;
  const words = Object.entries(flags).map(([flag, value]) => `--${snakeCase(flag)} ${String(value)}`);
  return ['whetstone reproduce', name, ...words].join(' ');
}

function show(event: ScheduleEvent, screen: Screen): void {
  switch (event.kind) {
    case 'plan': {
      const { total, cached } = event;
      const found = cached === 0 ? '' : `, ${cached} of them done before`;
      screen.tell(
        'plan',
        { experiments: total, cached },
        `${plural(total, 'experiment')} to compute${found}`,
      );
      return;
    }
    case 'damaged':
      screen.aside('damaged', `note ${event.message}; it is computed again`);
      return;
    case 'begin':
      return;
    case 'end': {
      const { done, total, seconds } = event;
      const details = [`the last took ${formatDuration(seconds)}`];
      screen.progress({ what: 'experiment', done, total, details });
    }
  }
}
