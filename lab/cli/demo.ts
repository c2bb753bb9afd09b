// whetstone demo: the whole of it in a minute, on a model that comes with the project.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DemoEvent, DemoSummary, Graded, MarkedResponse } from '../demo/index.ts';
import type { Given, Verb } from '../../src/cli/flags.ts';
import { markFlagged } from '../../src/cli/marks.ts';
import type { SettingsOf } from '../../src/options/table.ts';
import { stepStanding } from '../../src/cli/progress.ts';
import type { Screen, VerbContext } from '../../src/cli/screen.ts';
import { stoppable } from '../../src/cli/signals.ts';
import type { Colors } from '../../src/cli/terminal.ts';
import { percent, plural, thousands } from '../../src/words/numbers.ts';
import { printable } from '../../src/words/printable.ts';

const table = {
  out: {
    kind: 'text',
    group: 'Files',
    placeholder: 'DIR',
    nullable: true,
    help: 'new folder for judged.jsonl, the run, summary.json and report.html',
    defaultText: 'runs/demo, or runs/demo-2 and so on',
  },
  model: {
    kind: 'text',
    group: 'Files',
    placeholder: 'DIR',
    nullable: true,
    help: 'a model that "whetstone world pretrain" made',
    defaultText: 'the one that comes with Whetstone',
  },
  instructions: {
    kind: 'number',
    default: 1000,
    integer: true,
    min: 8,
    max: 5000,
    group: 'Run',
    help: 'instructions to learn from',
  },
  tests: {
    kind: 'number',
    default: 600,
    integer: true,
    min: 1,
    max: 1500,
    group: 'Run',
    help: 'held-out instructions to be tested on',
  },
  seed: {
    kind: 'number',
    default: 1,
    integer: true,
    min: 0,
    max: 4294967295,
    group: 'Run',
    help: 'seed of everything random',
  },
} as const;

export type DemoFlags = SettingsOf<typeof table>;

export const demoVerb: Verb<typeof table> = {
  name: 'demo',
  summary: 'See a small model learn from written judgments, in under a minute',
  about: `A model of under a million parameters answers instructions of a small synthetic world; a
rule-based judge writes what is wrong; CUT finds the words that the judgments are about,
trains, and the model answers held-out instructions again. Nothing is downloaded.`,
  examples: [
    ['demo', 'everything lands in runs/demo'],
    ['demo --instructions 250 --seed 2 --out quick', 'a quarter of the judgments, other instructions'],
  ],
  table,
  required: () => [],
  together: () => [],
};

export async function runDemo(
  { values }: Given<typeof table>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { instructions, tests, seed } = values;
  const out = values.out ?? firstFree(join('runs', 'demo'));
  const { demonstrate } = await import('../demo/index.ts');
  const { worldModelDir } = await import('../world/model.ts');
  const model = values.model ?? worldModelDir();
  const show = teller(screen, { out, model: relative(process.cwd(), model) || model });
  return stoppable(
    async (signal) => {
      const command = commandOf({ ...values, out });
      await demonstrate({ out, model, instructions, tests, seed, signal, command, openEngine }, show).finally(
        () => screen.endProgress(),
      );
    },
    (name) => screen.aside('stopping', `${name}: stopping. What is in ${out} so far stays there.`),
  );
}

/** `base`, or with the first number behind it that is not taken. */
function firstFree(base: string): string {
  for (let n = 1; ; n++) {
    const dir = n === 1 ? base : `${base}-${n}`;
    if (!existsSync(dir)) return dir;
  }
}

const commandOf = ({ out, instructions, tests, seed }: DemoFlags): string =>
  `whetstone demo --out ${out} --instructions ${instructions} --tests ${tests} --seed ${seed}`;

/** Tells events as they come. */
function teller(screen: Screen, { out, model }: { out: string; model: string }): (event: DemoEvent) => void {
  const { colors } = screen;
  const { bold, dim } = colors;
  let totalSteps = 0;
  return (event) => {
    switch (event.kind) {
      case 'begin': {
        const { parameters, families } = event;
        const lines = [
          bold('A model that makes mistakes, and a judge that says in words what they are'),
          `${thousands(parameters)} parameters in ${model}; ${families} families of instructions`,
          '',
        ];
        return screen.tell('begin', { parameters, model, families }, lines.join('\n'));
      }
      case 'judged': {
        const wrong = event.answers.filter(({ verdict }) => !verdict.satisfactory);
        const lines = [
          `It answered ${plural(event.answers.length, 'instruction')}, and the judge found fault with ${percent(wrong.length / event.answers.length, 0)} of its answers.`,
          `${colors.isColorSupported ? colors.underline(colors.red('Marked')) : '[Marked]'} are the words that each judgment is about, as the model's own probabilities tell:`,
          '',
          ...event.examples.slice(0, 4).flatMap((example) => [...showMarked(example, colors), '']),
        ];
        return screen.tell(
          'judged',
          { answers: event.answers.length, faulty: wrong.length },
          lines.join('\n'),
        );
      }
      case 'base': {
        const words = `On ${plural(event.tests.length, 'held-out instruction')} ${bold(percentOf(event.tests))} of its answers are satisfactory.\n`;
        return screen.tell('base', { tests: event.tests.length, satisfactory: goodOf(event.tests) }, words);
      }
      case 'plan':
        ({ totalSteps } = event);
        return screen.tell(
          'plan',
          { trained: event.trained, total_steps: totalSteps },
          bold(`Training ${thousands(event.trained)} adapter parameters with CUT`),
        );
      case 'step':
        return screen.progress(stepStanding(event.record, totalSteps));
      case 'end': {
        screen.endProgress();
        screen.result('summary', event.summary, ['', ...showResults(event, colors)].join('\n'));
        const next = dimmed(whatNext(out, model, event.summary), dim);
        return screen.tell('next', { out }, next.join('\n'));
      }
    }
  };
}

const goodOf = (graded: readonly Graded[]): number =>
  graded.filter(({ verdict }) => verdict.satisfactory).length;

const percentOf = (graded: readonly Graded[]): string => percent(goodOf(graded) / Math.max(1, graded.length));

function showMarked({ task, text, verdict, tokens }: MarkedResponse, colors: Colors): string[] {
  const marked = markFlagged(
    text,
    tokens.map(({ span }) => span),
    tokens.map(({ flagged }) => flagged),
    '(end)',
    colors,
  );
  return [
    `  ${printable(task.instruction)}`,
    `  ${colors.dim('answer  ')} ${marked}`,
    `  ${colors.dim('judgment')} ${printable(verdict.judgment ?? '')}`,
  ];
}

function showResults({ summary, results }: DemoEvent & { kind: 'end' }, colors: Colors): string[] {
  const { base, aligned, gain } = summary;
  const points = (share: number): string => `${share < 0 ? '' : '+'}${(100 * share).toFixed(1)}`;
  const width = Math.max(...Object.keys(summary.families).map((name) => name.length));
  const rows = Object.entries(summary.families).map(
    ([name, own]) =>
      `  ${name.padEnd(width)}  ${percent(own.base).padStart(6)} ${colors.dim('->')} ${percent(own.aligned).padStart(6)}  ${bar(own.base, own.aligned, colors)}`,
  );
  const fixed = results.before.flatMap((before, i) => {
    const after = results.after[i]!;
    return !before.verdict.satisfactory && after.verdict.satisfactory ? [{ before, after }] : [];
  });
  const seen = new Set<string>();
  const shown = fixed
    .filter(({ before }) => !seen.has(before.task.family) && seen.add(before.task.family))
    .slice(0, 4);
  return [
    colors.bold(
      `Satisfactory answers to ${summary.tests} held-out instructions: ${percent(base.success_rate)} before, ${percent(aligned.success_rate)} after`,
    ),
    `${points(gain.value)} points, 95% interval ${points(gain.low)} to ${points(gain.high)}`,
    '',
    ...rows,
    '',
    ...shown.flatMap(({ before, after }) => [
      `  ${printable(before.task.instruction)}`,
      `  ${colors.dim('before')} ${printable(before.text)}`,
      `  ${colors.dim('after ')} ${colors.green(printable(after.text))}`,
      '',
    ]),
  ];
}

const barWidth = 30;

/** What was right before, what is right now, and the rest. */
function bar(before: number, after: number, colors: Colors): string {
  const cells = (share: number): number => Math.round(share * barWidth);
  const [low, high] = [Math.min(before, after), Math.max(before, after)];
  const change = '='.repeat(cells(high) - cells(low));
  return (
    '#'.repeat(cells(low)) +
    (after >= before ? colors.green(change) : colors.red(change.replaceAll('=', '-'))) +
    colors.dim('.'.repeat(barWidth - cells(high)))
  );
}

const whatNext = (out: string, model: string, { seconds }: DemoSummary): string[] => [
  `${seconds.total.toFixed(0)} seconds, of which ${seconds.training.toFixed(0)} of training. Look at`,
  `  ${join(out, 'report.html')}    every word of it, in a browser`,
  `  ${join(out, 'summary.json')}   the figures`,
  `  ${join(out, 'judged.jsonl')}   the judged answers that it learned from`,
  `  ${join(out, 'run')}            the run; its adapter answers too:`,
  `whetstone generate --instruction "Say river three times." --model ${model} --template ${join(model, 'template.json')} --adapter ${join(out, 'run', 'adapter')}`,
  'Teach it yourself, in a browser, in your own words:',
  `whetstone studio --model ${model} --runs ${out} --prompts ${join(out, 'prompts.txt')}`,
];

const dimmed = (lines: readonly string[], dim: (text: string) => string): string[] =>
  lines.map((line) => dim(line));
