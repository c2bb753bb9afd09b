// Pictures of the studio's rooms, as a browser shows them: node scripts/run-ts.mjs scripts/studio-pictures.ts FOLDER
// Talks to the model that comes with the project, judges four answers in words, learns, and asks again; then trains some
// runs. Needs what is built (npm run build) and a Chromium, see test/report/chromium.ts.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import { startStudio } from '../src/studio/index.ts';
import { judgedFile, openFileQueue } from '../src/studio/judge/files.ts';
import { findChromium } from '../test/report/chromium.ts';
import { pictureCompare, pictureRuns } from './studio-run-pictures.ts';

/** Of the world's test split, with what its judge says of the model's answers. */
const judged = [
  ['Name the capital of Poland. I would like to know.', 'Poland has another capital.'],
  ['List two birds.', 'The item bats does not belong to the birds.'],
  ['Sort these numbers: 2, 5, 3, 6.', 'It is wrong to write 6, 5.'],
  ['Find the opposite: safe.', 'The answer should end after the first sentence.'],
] as const;
const offered = [
  ...judged.map(([message]) => message),
  'Convert 3 days into hours.',
  'Give me two examples of planets. Thank you!',
];

/** Answers of the same model, which two people judge. */
const answered = [
  ['Name the capital of Poland. I would like to know.', 'The capital of Poland is Krakow.'],
  ['List two birds.', 'robins and bats'],
  ['Convert 3 days into hours.', '3 days are 72 hours.'],
  ['Sort these numbers: 2, 5, 3, 6.', '2, 3, 6, 5'],
  ['Give me two examples of planets. Thank you!', 'Two planets are Mars and the Moon.'],
  ['Find the opposite: safe.', 'The opposite of safe is dangerous. Say river three times.'],
] as const;
/** Of the first rows: the last word that is marked, and what is said; null is perfect. */
const opinions: Readonly<Record<string, readonly (readonly [string, string] | null)[]>> = {
  Ada: [
    ['Krakow', 'The capital is Warsaw.'],
    ['bats', 'Bats are mammals.'],
    null,
    ['6, 5', 'Five comes before six.'],
  ],
  Ben: [['Krakow', 'Poland has another capital.'], ['bats', 'A bat is no bird.'], null, null],
};

const [given] = process.argv.slice(2);
const executablePath = findChromium();
if (given === undefined || executablePath === undefined)
  throw new Error('expected FOLDER, and a Chromium in PATH or CHROMIUM');
const folder = resolve(given);
await mkdir(folder, { recursive: true });
const runs = await mkdtemp(join(tmpdir(), 'studio-pictures-'));
const prompts = join(runs, 'prompts.txt');
await writeFile(prompts, `${offered.join('\n')}\n`);
const studio = await startStudio({
  ...{ host: '127.0.0.1', port: 0, apiKey: null, shutdownTimeout: 2, page: resolve('dist/studio') },
  ...{ model: resolve('models/world-128'), adapter: null, template: null, prompts, threads: null, runs },
  onNote: () => undefined,
});
// Paths in the pictures are those of somebody who works there.
process.chdir(runs);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: 1120, height: 760 }, reducedMotion: 'reduce' });
  const picture = (name: string): Promise<unknown> => page.screenshot({ path: join(folder, `${name}.png`) });
  await page.goto(studio.link);
  await page.getByText('Or begin with one of these').waitFor();
  await picture('studio-empty');
  for (const [i, [message, words]] of judged.entries()) {
    await page.getByRole('textbox', { name: 'Message' }).fill(message);
    await page.getByRole('button', { name: 'Send' }).click();
    const article = page.getByRole('article', { name: `Answer ${i + 1}`, exact: true });
    await article.getByRole('textbox', { name: 'What is wrong?' }).fill(words);
    await article.locator('.flagged-share b').waitFor();
    await article.getByText('Judged.').waitFor();
  }
  await page.evaluate('scrollTo(0, 0)');
  await picture('studio-judged');
  const began = performance.now();
  await page.getByRole('button', { name: 'Learn', exact: true }).click();
  await page.locator('.before-after').first().waitFor({ timeout: 120_000 });
  process.stdout.write(`learned in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  await page.evaluate('scrollTo(0, 0)');
  await picture('studio-learned');
  process.stdout.write(`${await page.locator('.changes').innerText()}\n`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('studio-learned-dark');
  await page.setViewportSize({ width: 375, height: 760 });
  await picture('studio-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture('studio-phone');
  await judgeRoom(await browser.newPage({ viewport: { width: 1120, height: 760 }, reducedMotion: 'reduce' }));
  const { origin } = new URL(studio.link);
  await pictureRuns(page, runs, origin, picture);
  await pictureCompare(page, origin, picture);
} finally {
  await browser.close();
  await studio.close();
  await rm(runs, { recursive: true, force: true });
}

/** Two people's queue: what they agree on is there already, the next row is being judged. */
async function judgeRoom(page: Page): Promise<void> {
  const file = join(runs, 'answers.jsonl');
  await writeFile(
    file,
    answered.map(([instruction, output]) => `${JSON.stringify({ instruction, output })}\n`).join(''),
  );
  const { queue, results } = await openFileQueue(file, judgedFile(file, runs));
  for (const [person, said] of Object.entries(opinions))
    for (const [row, each] of said.entries()) {
      const start = each === null ? 0 : answered[row]![1].indexOf(each[0]);
      const judged =
        each === null
          ? { judgment: null }
          : { judgment: each[1], errors: [[start, start + each[0].length] as const] };
      await queue.say(row, { person, said: judged });
    }
  await results.close();
  await page.goto(`${studio.link}#/judge/answers.jsonl`);
  await page.getByRole('textbox', { name: 'Judging as' }).fill('Ada');
  await page.getByRole('textbox', { name: 'Judging as' }).press('Enter');
  const row = page.getByRole('article', { name: 'Response 5', exact: true });
  await row.locator('[data-at]', { hasText: 'Moon' }).click();
  await page.getByRole('textbox', { name: 'What is wrong?' }).fill('The Moon is not a planet.');
  await page.getByText('here').first().waitFor();
  await page.screenshot({ path: join(folder, 'studio-judge.png') });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: join(folder, 'studio-judge-dark.png') });
  await page.setViewportSize({ width: 375, height: 760 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: join(folder, 'studio-judge-phone.png') });
}
