// The Judge room in a real browser: a file judged from the first row to the judged file, by keyboard, by touch, by two
// people, over reloads, a studio that was killed, and with hostile texts. Needs a Chromium, see test/report/chromium.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSoundTriplets } from '../../src/judgments/sound.ts';
import { hasBrowser, inBrowser, patience, phone, seriousFindings, visit } from './browser.ts';
import type { Visit } from './browser.ts';

const rows = [
  { id: 'a', instruction: 'Name the capital of Poland.', output: 'The capital of Poland is Krakow 🏰.' },
  { id: 'b', instruction: 'List two birds.', output: 'robins and bats' },
  { id: 'c', instruction: 'Add 2 and 2.', output: 'It is 4.' },
];

describe.skipIf(!hasBrowser)(inBrowser('the Judge room'), () => {
  let studio: Visit;
  beforeAll(async () => {
    studio = await visit();
  });
  afterAll(() => studio?.end());

  const file = async (name: string, content: readonly object[] = rows): Promise<void> =>
    writeFile(join(studio.folder, name), content.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const judgedRows = async (name: string): Promise<object[]> =>
    (await readFile(join(studio.folder, name), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
  const open = async (name: string, options?: BrowserContextOptions): Promise<Page> => {
    const page = await studio.open(`/judge/${encodeURIComponent(name)}`, options);
    await page.getByRole('heading', { name: 'Judge', exact: true }).waitFor(patience);
    return page;
  };
  const as = async (page: Page, name: string): Promise<void> => {
    await page.getByRole('textbox', { name: 'Judging as' }).fill(name);
    await page.getByRole('textbox', { name: 'Judging as' }).press('Enter');
  };
  const response = (page: Page, n: number) =>
    page.getByRole('article', { name: `Response ${n}`, exact: true });
  const wrong = (page: Page) => page.getByRole('textbox', { name: 'What is wrong?' });
  const atRow = (page: Page, n: number): Promise<void> => response(page, n).waitFor(patience);

  it('goes from a file in the folder to the judged file, by keyboard alone', async () => {
    await file('keys.jsonl');
    const page = await studio.open('/judge');
    await page.getByRole('link', { name: 'keys.jsonl' }).focus();
    await page.keyboard.press('Enter');
    await atRow(page, 1);
    // The focus is where reading begins: End goes to the last word, m marks it and the one before.
    await expect.poll(() => page.evaluate('document.activeElement.className')).toBe('tokens');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('m');
    await page.keyboard.press('w');
    await page.keyboard.type('Krakow is not the capital.');
    await page.keyboard.press('Enter');
    await atRow(page, 2);
    await page.keyboard.press('s');
    await atRow(page, 3);
    await page.keyboard.press('u');
    await atRow(page, 2);
    await page.keyboard.press('w');
    await page.keyboard.type('Bats are no birds.');
    await page.keyboard.press('Escape');
    expect(await page.evaluate('document.activeElement.className')).toBe('tokens');
    await page.keyboard.press('w');
    await page.keyboard.press('Enter');
    await atRow(page, 3);
    await page.keyboard.press('p');
    await page.getByText('The judged rows are in').waitFor(patience);
    expect(await judgedRows('keys.judged.jsonl')).toEqual([
      { ...rows[0], judgment: 'Krakow is not the capital.', errors: [{ start: 25, end: 31 }] },
      { ...rows[1], judgment: 'Bats are no birds.' },
      { ...rows[2], judgment: null },
    ]);
    const { triplets } = await readSoundTriplets(join(studio.folder, 'keys.judged.jsonl'));
    expect(triplets[0]!.errors).toEqual([[25, 31]]);
    // Undo after the end writes the file anew.
    await page.keyboard.press('u');
    await atRow(page, 3);
    await wrong(page).fill('It is four.');
    await page.getByRole('button', { name: 'Save and next' }).click();
    await page.getByText('Every row is judged.').waitFor(patience);
    await expect
      .poll(() => judgedRows('keys.judged.jsonl'), patience)
      .toMatchObject([{}, {}, { judgment: 'It is four.' }]);
    await page.context().close();
  });

  it('goes on after a reload and a new start, with what was typed and not saved', async () => {
    await file('goes-on.jsonl');
    const page = await open('goes-on.jsonl');
    await atRow(page, 1);
    await page.getByRole('button', { name: 'Save and next' }).click();
    await page.getByRole('alert').getByText('Say in words what is wrong').waitFor(patience);
    await wrong(page).fill('Another town.');
    await page.getByRole('button', { name: 'Save and next' }).click();
    await atRow(page, 2);
    await response(page, 2).locator('[data-at]').last().click();
    await wrong(page).fill('Half of a sen');
    await page.reload();
    await atRow(page, 2);
    expect(await wrong(page).inputValue()).toBe('Half of a sen');
    expect(await response(page, 2).locator('.error').textContent()).toBe('bats');
    await studio.stop();
    await page.getByText('The studio does not answer.').waitFor(patience);
    await page.getByRole('button', { name: 'Perfect' }).click();
    await page.getByRole('alert').getByText('The studio does not answer').waitFor(patience);
    await studio.startAgain();
    await page.getByText('The studio does not answer. Trying').waitFor({ ...patience, state: 'detached' });
    await wrong(page).fill('Bats are mammals.');
    await page.getByRole('button', { name: 'Save and next' }).click();
    await atRow(page, 3);
    await expect
      .poll(() => page.getByRole('progressbar', { name: 'Judged' }).getAttribute('value'), patience)
      .toBe('2');
    await page.getByRole('button', { name: 'Write what is judged so far' }).click();
    await page.getByText('has 2 rows').waitFor(patience);
    expect(await judgedRows('goes-on.judged.jsonl')).toMatchObject([
      { judgment: 'Another town.' },
      { judgment: 'Bats are mammals.', errors: [{ start: 11, end: 15 }] },
    ]);
    expect(await judgedRows('goes-on.judged.jsonl.unscored.jsonl')).toMatchObject([
      { id: 'c', reason: 'nobody has judged it yet' },
    ]);
    await page.context().close();
  });

  it('gives two people different rows, and tells how far they agree where both judged', async () => {
    await file('two.jsonl');
    const ada = await open('two.jsonl');
    await as(ada, 'Ada');
    await atRow(ada, 1);
    const ben = await open('two.jsonl');
    await as(ben, 'Ben');
    await atRow(ben, 2);
    await ada.getByRole('button', { name: 'Perfect' }).click();
    await atRow(ada, 3);
    await ada
      .getByText('here')
      .nth(1)
      .waitFor({ ...patience, state: 'detached' }); // Ben has judged nothing yet.
    await ben.getByRole('button', { name: 'Perfect' }).click();
    await ada.getByRole('button', { name: 'Perfect' }).click();
    await ada.getByText('Every row is judged.').waitFor(patience);
    // The last row had nobody else to go to.
    await atRow(ben, 3);
    await ben.getByRole('button', { name: 'Perfect' }).click();
    await ben.getByRole('button', { name: 'Judge what others judged' }).click();
    await atRow(ben, 1);
    // What Ada said is not told before Ben has said something.
    expect(await response(ben, 1).locator('.opinions').count()).toBe(0);
    await wrong(ben).fill('It is Warsaw.');
    await wrong(ben).press('Enter');
    await ben.getByText('Every row is judged.').waitFor(patience);
    const table = ada.getByRole('table', { name: 'Agreement' });
    await expect
      .poll(() => table.locator('tbody').innerText(), patience)
      .toMatch(/Ada and Ben\s+2\s+50%\s+0\.00\s+–/);
    await ada.getByRole('button', { name: 'Row 1', exact: true }).click();
    await atRow(ada, 1);
    await response(ada, 1).locator('.opinions').getByText('It is Warsaw.').waitFor(patience);
    expect(await judgedRows('two.judged.jsonl')).toMatchObject([
      { judgment: 'It is Warsaw.' },
      { judgment: null },
      { judgment: null },
    ]);
    await ada.context().close();
    await ben.context().close();
  });

  it('follows in a second tab of the same person', async () => {
    await file('tabs.jsonl');
    const first = await open('tabs.jsonl');
    const second = await open('tabs.jsonl');
    await atRow(first, 1);
    await atRow(second, 1);
    await first.getByRole('button', { name: 'Perfect' }).click();
    await atRow(first, 2);
    await atRow(second, 2);
    await first.context().close();
    await second.context().close();
  });

  it.each(['light', 'dark'] as const)('fits a phone and everybody, %s', async (colorScheme) => {
    const name = `phone-${colorScheme}.jsonl`;
    await file(name);
    const page = await open(name, { ...phone, colorScheme });
    await atRow(page, 1);
    await response(page, 1).locator('[data-at]', { hasText: 'Krakow' }).tap();
    expect(await response(page, 1).locator('.error').textContent()).toBe('Krakow');
    await wrong(page).fill('Another town.');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(375);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save and next' }).tap();
    await atRow(page, 2);
    await page.getByRole('button', { name: 'Skip' }).tap();
    await atRow(page, 3);
    await page.getByRole('button', { name: 'Perfect' }).tap();
    await page.getByText('Every row is judged.').waitFor(patience);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('takes markup, other directions, endless words and a megabyte for text', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202eevil\u202c';
    await file('<b onmouseover=1>\u202efile.jsonl', [
      {
        messages: [
          { role: 'system', content: evil },
          { role: 'user', content: evil },
          { role: 'assistant', content: evil },
          { role: 'user', content: `${'x'.repeat(5000)} ${evil}` },
          { role: 'assistant', content: evil },
        ],
      },
      { instruction: evil, output: `${'a'.repeat(500_000)} ${'b c '.repeat(1000)}${'d'.repeat(500_000)}` },
    ]);
    const page = await studio.open('/judge');
    await page.getByRole('link', { name: 'file.jsonl' }).last().click();
    await atRow(page, 1);
    await as(page, evil);
    await page.getByRole('alert').getByText('one line').waitFor(patience);
    await as(page, '<i>Eve</i>');
    await atRow(page, 1);
    expect(await response(page, 1).textContent()).toContain('<script>');
    await wrong(page).fill(evil);
    await wrong(page).press('Enter');
    await atRow(page, 2);
    await page.getByRole('button', { name: 'Perfect' }).click();
    await page.getByText('Every row is judged.').waitFor(patience);
    expect(await page.title()).toContain('Judge');
    expect(await page.locator('main img, main script, main i').count()).toBe(0);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
    await page.context().close();
  });

  it('says what is wrong with a file that cannot be judged', async () => {
    await file('bad.jsonl', [{ instruction: 'No response.' }]);
    const page = await open('bad.jsonl');
    await page.getByRole('alert').getByText('output').waitFor(patience);
    await page.context().close();
    const none = await open('../../etc/passwd');
    await none.getByRole('alert').getByText('There is no file').waitFor(patience);
    await none.context().close();
  });

  it('asks nobody else, and nothing went wrong on the way', () => {
    expect(studio.elsewhere).toEqual([]);
    // The name that was refused.
    expect(studio.complaints.filter((each) => !each.includes('400 (Bad Request)'))).toEqual([]);
  });
});
