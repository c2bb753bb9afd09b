// The Data room in a real browser: findings row by row, by keyboard and by touch, decisions that a reload and a killed
// studio keep, hostile names and texts, many rows. Needs a Chromium, see test/report/chromium.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, inBrowser, overflow, patience, phone, seriousFindings, visit } from './browser.ts';
import type { Visit } from './browser.ts';

const script = '<script>window.hurt = 1</script><img src=x onerror="window.hurt = 1">';
const sound = { instruction: 'Add 1 and 2.', output: '4', judgment: 'It is 3.' };

describe.skipIf(!hasBrowser)(inBrowser('the Data room'), () => {
  let there: Visit;
  beforeAll(async () => {
    there = await visit();
  });
  afterAll(() => there?.end());

  async function fileOf(name: string, rows: readonly object[]): Promise<string> {
    const file = join(there.folder, name);
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return file;
  }

  async function open(file: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await there.open(`/data/${encodeURIComponent(file)}`, options);
    await page.getByRole('table', { name: 'Findings' }).waitFor(patience);
    await page.locator('.under-way').waitFor({ state: 'detached', ...patience });
    return page;
  }

  it('by keyboard alone: drop, repair, satisfactory, take back, write; a reload and a new studio find it', async () => {
    const rows = [
      sound,
      { ...sound, instruction: 'Add 2 and 2 to it.', output: 'cafÃ©' },
      { ...sound, instruction: 'Add 3 and 3 to it.', judgment: 'N/A' },
      { ...sound, instruction: 'Add 4 and 4 to it.', output: '' },
    ];
    const file = await fileOf('judged.jsonl', rows);
    const page = await open(file);
    const table = page.getByRole('table', { name: 'Findings' });
    await table.getByRole('button', { name: 'Row 2' }).focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('heading', { name: 'Row 2' }).waitFor(patience);
    await page.keyboard.press('r');
    await table.locator('.outcome.repair').waitFor(patience);
    await page.keyboard.press('ArrowDown');
    await page.getByRole('heading', { name: 'Row 3' }).waitFor(patience);
    await page.keyboard.press('s');
    await table.locator('.outcome.satisfactory').waitFor(patience);
    await page.keyboard.press('End');
    await page.getByRole('heading', { name: 'Row 4' }).waitFor(patience);
    await page.keyboard.press('d');
    await table.locator('.outcome.drop').waitFor(patience);
    await page.keyboard.press('u');
    await table.locator('.outcome.drop').waitFor({ state: 'detached', ...patience });
    await page.keyboard.press('d');
    await page.getByText('No error is left.').waitFor(patience);
    await page.reload();
    await page.getByText('1 dropped, 1 repaired, 1 marked as satisfactory').waitFor(patience);
    await there.stop();
    await page.getByText('The studio does not answer. Trying again').waitFor(patience);
    await there.startAgain();
    await page
      .getByText('The studio does not answer. Trying again')
      .waitFor({ state: 'detached', ...patience });
    const again = await open(file);
    await again.getByText('1 dropped, 1 repaired, 1 marked as satisfactory').waitFor(patience);
    await again.getByRole('textbox', { name: 'Name of the new file' }).press('Enter');
    await again.getByText('Written.').waitFor(patience);
    const written = await readFile(join(there.folder, 'judged.checked.jsonl'), 'utf8');
    expect(written.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      rows[0],
      { ...rows[1], output: 'café' },
      { ...rows[2], judgment: null },
    ]); // prettier-ignore
    expect(await readFile(file, 'utf8')).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(await seriousFindings(again)).toEqual([]);
  });

  it('takes hostile names and texts for text', async () => {
    const file = await fileOf(`\u202egnp.<img src=x onerror=hurt()>.jsonl`, [
      { instruction: script, output: script, judgment: '\u202e N/A' },
      { instruction: `${script} again`, output: 'x'.repeat(1_000_000), judgment: 'N/A' },
      { [script]: script, instruction: 1, output: null, judgment: script },
    ]);
    const page = await open(file);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('\\u{202e}');
    await page.getByRole('button', { name: 'All rows' }).click();
    for (const n of [1, 2, 3]) {
      await page.getByRole('button', { name: `Row ${n}`, exact: true }).click();
      await page.getByRole('heading', { name: `Row ${n}` }).waitFor(patience);
    }
    expect(await page.evaluate<unknown>('window.hurt')).toBeUndefined();
  });

  it.each(['light', 'dark'] as const)('by touch on a phone, %s', async (colorScheme) => {
    const file = await fileOf(`phone-${colorScheme}.jsonl`, [sound, { ...sound, output: '' }]);
    const page = await open(file, { ...phone, colorScheme });
    await page.getByRole('button', { name: 'Row 2' }).tap();
    await page.getByRole('button', { name: 'Drop', exact: true }).tap();
    await page.getByText('1 dropped').waitFor(patience);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Close' }).tap();
    await page.locator('.outcome.drop').waitFor(patience);
    expect(await overflow(page)).toBe(0);
  });

  it('scrolls through many rows, of which the page holds few', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ ...sound, instruction: `Add ${i} and 2.` }));
    const page = await open(await fileOf('many.jsonl', many));
    await page.getByRole('button', { name: 'Row 1', exact: true }).focus();
    await page.keyboard.press('End');
    await page.getByRole('button', { name: 'Row 20000', exact: true }).waitFor(patience);
    await page.getByRole('heading', { name: 'Row 20000' }).waitFor(patience);
    expect(await page.locator('.table .row').count()).toBeLessThan(60);
  });

  it('complains of nothing, and asks nobody else', () => {
    expect(there.complaints).toEqual([]);
    expect(there.elsewhere).toEqual([]);
  });
});
