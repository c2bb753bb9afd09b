// Pictures of the studio's rooms, as a browser shows them: node scripts/run-ts.mjs scripts/studio-pictures.ts FOLDER
// Talks to the model that comes with the project, judges four answers in words, learns, and asks again; then trains some
// runs. Needs what is built (npm run build) and a Chromium, see test/report/chromium.ts.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { judgedFile, openFileQueue } from '../src/studio/judge/files.ts';
import { visit } from '../test/studio/browser.ts';
import { pictureData } from './studio-data-pictures.ts';
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
if (given === undefined) throw new Error('expected FOLDER');
const folder = resolve(given);
await mkdir(folder, { recursive: true });
const own = await mkdtemp(join(tmpdir(), 'studio-pictures-'));
const prompts = join(own, 'prompts.txt');
await writeFile(prompts, `${offered.join('\n')}\n`);
const there = await visit({
  ...{ model: resolve('models/world-128'), prompts, threads: null, page: resolve('dist/studio') },
});
const { folder: runs } = there;
// Paths in the pictures are those of somebody who works there.
process.chdir(runs);
const still: BrowserContextOptions = { viewport: { width: 1120, height: 760 }, reducedMotion: 'reduce' };
try {
  const page = await there.open('/chat', still);
  const picture = (name: string): Promise<unknown> => page.screenshot({ path: join(folder, `${name}.png`) });
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
  await judgeRoom();
  const { origin } = new URL(there.studio().link);
  await pictureData(page, runs, origin, picture);
  await pictureRuns(page, runs, origin, picture);
  await pictureCompare(page, origin, picture);
} finally {
  await there.end();
  await rm(own, { recursive: true, force: true });
}

/** Two people's queue: what they agree on is there already, the next row is being judged. */
async function judgeRoom(): Promise<void> {
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
  const page: Page = await there.open('/judge/answers.jsonl', still);
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
