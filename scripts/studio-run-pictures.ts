// Pictures of the studio's rooms Runs and Compare: runs of the demonstration's judgments, one of them while it trains, and
// votes between what they made, as the world's own judge gives them. Called by studio-pictures.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { judge, parseTask } from '../lab/world/index.ts';
import { createRandom } from '../src/random.ts';

const model = resolve('models/world-128');
const asked = ['--model', model, '--template', join(model, 'template.json')];
const slow = { timeout: 120_000 };

const whetstone = (...args: readonly string[]) =>
  spawn(process.execPath, [resolve('dist/cli/main.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });

async function done(...args: readonly string[]): Promise<void> {
  const [status] = (await once(whetstone(...args), 'exit')) as [number | null];
  if (status !== 0) throw new Error(`whetstone ${args.join(' ')} ended with ${status}`);
}

/** `runs` is the folder that the studio looks at. */
export async function pictureRuns(
  page: Page,
  runs: string,
  origin: string,
  picture: (name: string) => Promise<unknown>,
): Promise<void> {
  const demo = join(runs, 'demo');
  await done('demo', '--out', demo);
  const judged = join(demo, 'judged.jsonl');
  await done(
    'align',
    judged,
    ...asked,
    '--lambda',
    '1.1',
    '--learning_rate',
    '2e-3',
    '--out',
    join(runs, 'lambda-1.1'),
  );
  const tasks = join(runs, 'tasks.jsonl');
  await done('world', 'tasks', '--count', '700', '--out', tasks);
  const rounds = ['--rounds', '3', '--per_round', '150', '--learning_rate', '2e-3', '--epochs', '2'];
  const online = [
    '--instructions',
    tasks,
    '--judge',
    resolve('examples/world-judge.mjs'),
    '--max_new_tokens',
    '48',
  ];
  await done('online', ...asked, ...online, ...rounds, '--out', join(runs, 'rounds'));
  const training = whetstone(
    'align',
    judged,
    ...asked,
    '--epochs',
    '8',
    '--learning_rate',
    '2e-3',
    '--out',
    join(runs, 'long'),
  );
  try {
    await page.setViewportSize({ width: 1120, height: 980 });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto(`${origin}/#/runs/long`);
    await page.getByText(/step (?:2[5-9]|3)\d\d of/).waitFor(slow);
    await page.getByText(/about .* left/).waitFor(slow);
    await picture('studio-run-training');
    await page.goto(`${origin}/#/runs`);
    await page.getByText('training', { exact: true }).waitFor(slow);
    await page.setViewportSize({ width: 1120, height: 520 });
    await picture('studio-runs');
  } finally {
    training.kill();
  }
  await page.setViewportSize({ width: 1120, height: 980 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(`${origin}/#/runs/${encodeURIComponent('demo/run')}/lambda-1.1`);
  await page.getByRole('figure', { name: 'Loss, l1' }).waitFor(slow);
  await page.waitForTimeout(1000);
  await picture('studio-runs-over');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${origin}/#/runs/rounds`);
  await page.getByRole('heading', { name: 'The same prompts after each round' }).waitFor(slow);
  await page.waitForTimeout(1000);
  await page.locator('.rounds').evaluate('(element) => element.scrollIntoView()');
  await picture('studio-rounds');
  await page.setViewportSize({ width: 375, height: 760 });
  await page.goto(`${origin}/#/runs/${encodeURIComponent('demo/run')}`);
  await page.getByRole('figure', { name: 'Loss' }).waitFor(slow);
  await page.waitForTimeout(1000);
  await picture('studio-run-phone');
}

const prompts = [
  'Write in the past tense: The teacher thinks.',
  'Express 8 tonnes in kilograms. Thank you!',
  'Name a word that means the opposite of wide.',
  'I want to read the word meadow four times. I would like to know.',
  'Tell me the capital of Nepal.',
  'Name the capital of Poland. I would like to know.',
  'List two birds.',
  'Sort these numbers: 2, 5, 3, 6.',
  'Convert 3 days into hours.',
  'Say button two times.',
  'Find the opposite: safe.',
  'Give me two examples of planets. Thank you!',
];

export async function pictureCompare(
  page: Page,
  origin: string,
  picture: (name: string) => Promise<unknown>,
): Promise<void> {
  await page.setViewportSize({ width: 1120, height: 760 });
  await page.goto(`${origin}/#/compare`);
  await page.getByRole('combobox', { name: 'Compare' }).selectOption({ label: 'demo/run, a run' });
  await page.getByRole('combobox', { name: 'with' }).selectOption({ label: 'world-128, the model as it is' });
  for (const [i, prompt] of prompts.entries()) {
    await page.getByRole('textbox', { name: 'Prompt' }).fill(prompt);
    await page.getByRole('button', { name: 'Ask both' }).click();
    await page.locator('.pair .asked', { hasText: prompt }).waitFor(slow);
    await page.locator('.pair[aria-busy=false]').waitFor(slow);
    if (i === 0) await picture('studio-compare-blind');
    const task = parseTask(prompt)!;
    const isRight = async (side: string): Promise<boolean> => {
      const text = await page.getByRole('region', { name: side, exact: true }).locator('.text').textContent();
      return judge(task, text ?? '', createRandom(1)).judgment === null;
    };
    const [a, b] = [await isRight('A'), await isRight('B')];
    await page
      .getByRole('button', { name: a === b ? 'Both alike' : a ? 'A is better' : 'B is better' })
      .click();
    await page.getByText(new RegExp(`^${i + 1} votes?:`)).waitFor(slow);
  }
  await picture('studio-compare');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 375, height: 900 });
  await picture('studio-compare-phone-dark');
}
