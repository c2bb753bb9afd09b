// The Compare room in a real browser: two models on the same prompts, blind, votes by keyboard and touch that become a win
// rate, a studio that was gone for a while, hostile names and texts. Needs a Chromium, see test/report/chromium.ts.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { align } from '../../src/alignment/index.ts';
import { hasBrowser, inBrowser, overflow, patience, phone, seriousFindings, visit } from './browser.ts';
import type { Visit } from './browser.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const hostile = '<img src=x onerror="document.title=1"> \u202Eevil\u202C';

describe.skipIf(!hasBrowser)(inBrowser('the Compare room'), () => {
  let there: Visit;
  let aside: string;
  const region = (page: Page, name: 'A' | 'B') => page.getByRole('region', { name, exact: true });
  const votes = async (): Promise<{ event: string; vote?: string }[]> =>
    (await readFile(join(there.folder, 'compare', 'votes.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; vote?: string });
  const opened = async (page: Page): Promise<void> =>
    page.getByRole('textbox', { name: 'Prompt' }).waitFor(patience);
  /** Sends what is in the box, and waits for both to be whole. */
  const ask = async (page: Page, prompt: string): Promise<void> => {
    const before = (await votes().catch(() => [])).filter(({ event }) => event === 'asked').length;
    await page.getByRole('textbox', { name: 'Prompt' }).fill(prompt);
    await page.getByRole('button', { name: 'Ask both' }).click();
    const asked = async (): Promise<number> =>
      (await votes().catch(() => [])).filter(({ event }) => event === 'asked').length;
    await expect.poll(asked, patience).toBe(before + 1);
    await page.locator('.pair[aria-busy=false]').waitFor(patience);
  };

  beforeAll(async () => {
    aside = await mkdtemp(join(tmpdir(), 'studio-prompts-'));
    const prompts = join(aside, 'prompts.txt');
    await writeFile(prompts, 'Say river three times.\nList two birds.\n');
    there = await visit({ model, prompts });
    // A run as `align` leaves it, of two steps.
    const run = align({
      ...{
        model,
        template: join(model, 'template.json'),
        maxSteps: 2,
        warmupSteps: 0,
        learningRate: 0.05,
        threads: 1,
      },
      triplets: [
        {
          instruction: 'Name the capital of Poland.',
          output: 'Krakow.',
          judgment: 'Poland has another capital.',
        },
      ],
    });
    for await (const step of run) expect(step.loss).toBeGreaterThan(0);
    for (const name of ['trained', hostile]) {
      await mkdir(join(there.folder, name), { recursive: true });
      await run.saveAdapter(join(there.folder, name, 'adapter'));
      await writeFile(
        join(there.folder, name, 'run.yaml'),
        stringify({ model, method: 'cut', run: { kind: 'align' } }),
      );
    }
    await run.dispose();
  });
  afterAll(async () => {
    await there?.end();
    await rm(aside, { recursive: true, force: true });
  });

  it('says what to do where there are no two', async () => {
    const empty = await visit();
    const page = await empty.open('/compare');
    await page.getByText('There is nothing to compare yet').waitFor(patience);
    await empty.end();
  });

  it('asks both, hides who is who until the vote, and counts votes', async () => {
    const page = await there.open('/compare');
    await opened(page);
    await page.getByRole('combobox', { name: 'Compare' }).selectOption({ label: 'trained, a run' });
    await page
      .getByRole('combobox', { name: 'with' })
      .selectOption({ label: 'world-64, the model as it is' });
    await ask(page, 'Name the capital of Poland.');
    for (const side of ['A', 'B'] as const) {
      expect(await region(page, side).textContent()).not.toMatch(/trained|world-64/);
      expect(await region(page, side).locator('.text').textContent()).not.toBe('');
    }
    await page.getByRole('button', { name: 'A is better' }).click();
    await region(page, 'A').getByText('better').waitFor(patience);
    const told = [
      await region(page, 'A').locator('h2').textContent(),
      await region(page, 'B').locator('h2').textContent(),
    ];
    expect(told.map((text) => /trained|world-64/.exec(text!)![0]).sort()).toEqual(['trained', 'world-64']);
    const won = told[0]!.includes('trained');
    const standing = page.getByRole('region', { name: 'Votes so far' });
    await standing.getByText(`trained wins ${won ? '100%' : '0%'} against world-64`).waitFor(patience);
    expect((await votes()).at(-1)).toMatchObject({ event: 'voted', vote: 'A' });
    // Another vote takes its place, and alike is half of one.
    await page.getByRole('button', { name: 'Both alike' }).click();
    await standing.getByText('trained wins 50% against world-64').waitFor(patience);
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => standing.count(), patience).toBe(0);
    expect(await region(page, 'A').textContent()).not.toMatch(/trained|world-64/);
    // Seen, first is A.
    await page.getByRole('switch', { name: /Blind/ }).click();
    await ask(page, 'List two birds.');
    expect(await region(page, 'A').locator('h2').textContent()).toContain('trained');
    expect(await region(page, 'B').locator('h2').textContent()).toContain('world-64');
    await page.context().close();
  });

  it('works by keyboard alone, through the given prompts', async () => {
    const page = await there.open('/compare');
    await opened(page);
    await page.getByRole('textbox', { name: 'Prompt' }).focus();
    await page.keyboard.type('Sort these numbers: 2, 5, 3.');
    await page.keyboard.press('Enter');
    await page.locator('.pair .asked', { hasText: 'Sort these numbers' }).waitFor(patience);
    await page.locator('.pair[aria-busy=false]').waitFor(patience);
    await page.getByRole('button', { name: 'Ask both' }).focus();
    await page.keyboard.press('b');
    await region(page, 'B').getByText('better').waitFor(patience);
    await page.keyboard.press('n');
    await page.locator('.pair .asked', { hasText: 'Say river three times.' }).waitFor(patience);
    await page.locator('.pair[aria-busy=false]').waitFor(patience);
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Both alike', pressed: true }).waitFor(patience);
    await page.getByText('2 votes:').waitFor(patience);
    await page.keyboard.press('n');
    await page.locator('.pair .asked', { hasText: 'List two birds.' }).waitFor(patience);
    await page.locator('.pair[aria-busy=false]').waitFor(patience);
    await page.keyboard.press('u');
    await page.getByText('1 vote:').waitFor(patience);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('fits a phone and everybody, %s', async (colorScheme) => {
    const page = await there.open('/compare', { ...phone, colorScheme });
    await opened(page);
    await ask(page, `Say river three times. ${'a'.repeat(300)}`);
    await page.getByRole('button', { name: 'B is better' }).tap();
    await region(page, 'B').getByText('better').waitFor(patience);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('comes back to the truth after a reload, in a second tab, and after the studio was gone', async () => {
    const page = await there.open('/compare');
    await opened(page);
    await ask(page, 'Find the opposite: safe.');
    const text = await region(page, 'A').locator('.text').textContent();
    await page.reload();
    await expect.poll(() => region(page, 'A').locator('.text').textContent(), patience).toBe(text);
    const second = await there.open('/compare');
    await second.getByRole('button', { name: 'A is better' }).click();
    await page.getByRole('button', { name: 'A is better', pressed: true }).waitFor(patience);
    await second.context().close();
    await there.stop();
    await page.getByText('The studio does not answer').waitFor(patience);
    await there.startAgain();
    await expect.poll(() => page.getByText('The studio does not answer').count(), patience).toBe(0);
    await page.getByRole('button', { name: 'A is better', pressed: true }).waitFor(patience);
    expect(await region(page, 'A').locator('.text').textContent()).toBe(text);
    await page.context().close();
  });

  it('takes names, prompts and answers of any kind for text, and says what cannot be compared', async () => {
    const page = await there.open('/compare');
    await opened(page);
    await page.getByRole('switch', { name: /Blind/ }).click();
    await page.getByRole('combobox', { name: 'Compare' }).selectOption({ label: `${hostile}, a run` });
    await page
      .getByRole('combobox', { name: 'with' })
      .selectOption({ label: 'world-64, the model as it is' });
    await ask(page, hostile);
    expect(await region(page, 'A').locator('h2').textContent()).toContain(hostile);
    expect(await page.locator('.pair .asked').textContent()).toContain(hostile);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toContain('Compare');
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    // The same adapter under another name.
    await page.getByRole('combobox', { name: 'with' }).selectOption({ label: 'trained, a run' });
    await page.getByRole('textbox', { name: 'Prompt' }).fill('List two birds.');
    await page.getByRole('button', { name: 'Ask both' }).click();
    await page.getByText('are the same').waitFor(patience);
    await page.context().close();
  });

  it('asks nobody else, and nothing went wrong on the way', () => {
    expect(there.elsewhere).toEqual([]);
    expect(there.complaints).toEqual([]);
  });
});
