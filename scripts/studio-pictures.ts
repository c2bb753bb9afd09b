// Pictures of the studio's Chat room, as a browser shows it: node scripts/run-ts.mjs scripts/studio-pictures.ts FOLDER
// Talks to the model that comes with the project, judges four answers in words, learns, and asks again. Needs the built
// page (npm run build) and a Chromium, see test/report/chromium.ts.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { startStudio } from '../src/studio/index.ts';
import { findChromium } from '../test/report/chromium.ts';

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

const [folder] = process.argv.slice(2);
const executablePath = findChromium();
if (folder === undefined || executablePath === undefined)
  throw new Error('expected FOLDER, and a Chromium in PATH or CHROMIUM');
await mkdir(folder, { recursive: true });
const runs = await mkdtemp(join(tmpdir(), 'studio-pictures-'));
const prompts = join(runs, 'prompts.txt');
await writeFile(prompts, `${offered.join('\n')}\n`);
const studio = await startStudio({
  ...{ host: '127.0.0.1', port: 0, apiKey: null, shutdownTimeout: 2, page: resolve('dist/studio') },
  ...{ model: resolve('models/world-128'), adapter: null, template: null, prompts, threads: null, runs },
  onNote: () => undefined,
});
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
} finally {
  await browser.close();
  await studio.close();
  await rm(runs, { recursive: true, force: true });
}
