// Pictures of the studio's room Data: a file with rows of most kinds that are found, some of them decided. Called by
// studio-pictures.ts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createRandom } from '../src/random.ts';

const slow = { timeout: 120_000 };
const cities = ['Poland', 'Nepal', 'Peru', 'Kenya', 'Norway', 'Japan'];
const verbs = ['Name', 'Tell me', 'What is', 'Say'];

/** Sound rows of different lengths, and among them some of those that people send. */
function rows(): object[] {
  const random = createRandom(3);
  const sound = Array.from({ length: 240 }, (_, i) => ({
    instruction: `${verbs[i % 4]!} the capital of ${cities[i % 6]!}${' and what one sees there'.repeat(random.below(5))}, number ${i}.`,
    output: `It lies by the river${', behind the hills'.repeat(random.below(9))}.`,
    judgment: i % 3 === 0 ? null : 'The name of the capital is missing.',
  }));
  const odd: Readonly<Record<number, object>> = {
    4: { output: 'There are cafÃ©s by the river.' },
    9: { judgment: 'N/A' },
    17: { output: '' },
    26: { output: 'It is Lima.</s>', judgment: 'There is a tag at the end.' },
    33: { judgement: 'The name is misspelt.' },
    48: { output: 42 },
    60: { ...sound[59] },
    75: { output: `It is Oslo, ${'and Oslo, '.repeat(140)}and nothing else.` },
  };
  return sound.map((row, i) => ({ ...row, ...odd[i] }));
}

export async function pictureData(
  page: Page,
  runs: string,
  origin: string,
  picture: (name: string) => Promise<unknown>,
): Promise<void> {
  const file = join(runs, 'judged.jsonl');
  await writeFile(
    file,
    rows()
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  await page.setViewportSize({ width: 1120, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${origin}/#/data/${encodeURIComponent(file)}`);
  const table = page.getByRole('table', { name: 'Findings' });
  await table.locator('.row').first().waitFor(slow);
  await page.locator('.under-way').waitFor({ state: 'detached', ...slow });
  await table.getByRole('button', { name: 'Row 5', exact: true }).click();
  await page.getByRole('heading', { name: 'Row 5', exact: true }).waitFor(slow);
  await page.keyboard.press('r');
  await table.locator('.outcome.repair').waitFor(slow);
  await page.waitForTimeout(500);
  await picture('studio-data');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('studio-data-dark');
  await page.setViewportSize({ width: 375, height: 760 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForTimeout(500);
  await picture('studio-data-phone');
  await page.setViewportSize({ width: 1120, height: 760 });
}
