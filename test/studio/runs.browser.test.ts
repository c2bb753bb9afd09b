// The Runs room in a real browser: runs that grow, curves by keyboard, mouse and touch, two over one another, rounds,
// hostile names and files, a studio that was gone for a while. Needs a Chromium, see test/report/chromium.ts.
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockFolder } from '../../src/durable/lock.ts';
import type { RunCurves } from '../../src/studio/api/runs.ts';
import { hasBrowser, inBrowser, overflow, patience, phone, seriousFindings, visit } from './browser.ts';
import type { Visit } from './browser.ts';
import { lineOf, sampleRun, sampleStep } from './sample-runs.ts';

const hostile = '<img src=x onerror="document.title=1"> \u202Egnp.exe\u202C & 100% #1';

describe.skipIf(!hasBrowser)(inBrowser('the Runs room'), () => {
  let there: Visit;
  const dirOf = (name: string): string => join(there.folder, name);
  const figure = (page: Page, name: string) => page.getByRole('figure', { name, exact: true });
  const plot = (page: Page, name: string) => figure(page, name).getByRole('application');
  const standing = (page: Page) => page.locator('.curves-note');

  beforeAll(async () => {
    there = await visit();
    await sampleRun(dirOf('first'), { steps: 300, complete: true });
    await sampleRun(dirOf('second'), {
      steps: 200,
      settings: { lambda: 1.5, method: 'cut', learning_rate: 1e-3 },
    });
  });
  afterAll(() => there?.end());

  it('says what to do where there is no run', async () => {
    const empty = await visit();
    const page = await empty.open('/runs');
    await page.getByText('There is no run in').waitFor(patience);
    await page.getByText(/whetstone align .* --out/).waitFor(patience);
    await empty.end();
  });

  it('lists runs, and opens one with its curves, its settings and how to go on with it', async () => {
    const page = await there.open('/runs');
    const row = page.locator('.run-row', { hasText: 'first' });
    await row.getByText('300 steps').waitFor(patience);
    await row.getByText('complete').waitFor(patience);
    await page.getByRole('link', { name: 'second' }).click();
    await page.getByRole('heading', { name: 'second' }).waitFor(patience);
    for (const name of ['Loss', 'Flagged share', 'Gradient norm', 'Learning rate', 'Tokens a second'])
      await figure(page, name).waitFor(patience);
    // What the picture says, said: and it is what the file has.
    expect(await plot(page, 'Learning rate').getAttribute('aria-label')).toContain('to 0 at step 200');
    expect(await drawn(page, 'Loss')).toBeGreaterThan(500);
    const settings = page.locator('.settings').first();
    expect(await settings.textContent()).toContain('lambda1.5');
    expect(await settings.textContent()).not.toContain('max_steps');
    await page.getByText('How to go on').click();
    await page.getByText(/whetstone align --out .*second.* --resume/).waitFor(patience);
    await figure(page, 'Loss').getByText('Table').click();
    expect(await figure(page, 'Loss').getByRole('row').count()).toBeGreaterThan(20);
    await page.context().close();
  });

  it('grows while the run trains, and says how much time is left', async () => {
    const dir = await sampleRun(dirOf('growing'), { steps: 3, total: 400 });
    const lock = await lockFolder(dir);
    const page = await there.open('/runs/growing');
    await page.getByText('step 3 of 400').waitFor(patience);
    await page.getByText(/about .* left/).waitFor(patience);
    await page.getByRole('progressbar', { name: 'Training' }).waitFor(patience);
    const lines = (from: number, to: number): string =>
      Array.from({ length: to - from + 1 }, (_, i) => lineOf(sampleStep(from + i, 400))).join('');
    await appendFile(join(dir, 'metrics.jsonl'), lines(4, 100));
    await page.getByText('step 100 of 400').waitFor(patience);
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 1 to 100 of 100');
    await appendFile(join(dir, 'metrics.jsonl'), lines(101, 400));
    await mkdir(join(dir, 'adapter'));
    await lock.release();
    await page.getByText('complete', { exact: true }).waitFor(patience);
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 1 to 400 of 400');
    expect(await page.getByText(/about .* left/).count()).toBe(0);
    await page.context().close();
  });

  it('works by keyboard alone', async () => {
    const page = await there.open('/runs');
    const link = page.getByRole('link', { name: 'first' });
    await link.waitFor(patience);
    const isFocused = (): Promise<boolean> =>
      page.evaluate<boolean>("document.activeElement.textContent === 'first'");
    for (let i = 0; i < 30 && !(await isFocused()); i++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await plot(page, 'Loss').waitFor(patience);
    await plot(page, 'Loss').focus();
    const reading = figure(page, 'Loss').locator('.reading');
    await page.keyboard.press('Home');
    await expect.poll(() => reading.textContent()).toContain('step 1');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => reading.textContent()).toMatch(/^step 3l/);
    await page.keyboard.press('+');
    await expect.poll(() => standing(page).textContent()).toContain('Steps 76 to 225 of 300');
    await page.keyboard.press('Shift+ArrowLeft');
    await expect.poll(() => standing(page).textContent()).toContain('Steps 38 to 188 of 300');
    await page.keyboard.press('-');
    await page.keyboard.press('0');
    await expect.poll(() => standing(page).textContent()).toContain('Steps 1 to 300 of 300');
    await page.context().close();
  });

  it('zooms where one drags, and a double click shows all again', async () => {
    const page = await there.open('/runs/first');
    const area = figure(page, 'Loss').locator('.u-over');
    await area.waitFor(patience);
    const box = (await area.boundingBox())!;
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width * 0.25, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => standing(page).textContent(), patience).toMatch(/Steps 7\d to 15\d of 300/);
    await area.dblclick();
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 1 to 300 of 300');
    await page.context().close();
  });

  it('lays one run over another', async () => {
    const page = await there.open('/runs/first');
    const other = page.getByRole('combobox', { name: 'Laid over it' });
    await other.locator('option', { hasText: 'second' }).waitFor({ state: 'attached', ...patience });
    await other.selectOption({ label: 'second' });
    await figure(page, 'Loss, l1').waitFor(patience);
    const reading = await figure(page, 'Loss').locator('.reading').textContent();
    expect(reading).toContain('first');
    expect(reading).toContain('second');
    const table = page.getByRole('region', { name: 'Settings that differ' });
    expect(await table.getByRole('row', { name: /lambda/ }).textContent()).toBe('lambda1.21.5');
    expect(await table.textContent()).not.toContain('method');
    await page.reload();
    await figure(page, 'Loss, l1').waitFor(patience);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('fits a phone and everybody, %s', async (colorScheme) => {
    const page = await there.open('/runs', { ...phone, colorScheme });
    await page.getByRole('link', { name: 'first' }).waitFor(patience);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'first' }).tap();
    const area = figure(page, 'Loss').locator('.u-over');
    await area.waitFor(patience);
    await page.getByRole('button', { name: 'Zoom in' }).tap();
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 76 to 225 of 300');
    const box = (await area.boundingBox())!;
    // One finger, to the right: earlier steps come in.
    const touch = (type: string, share: number): Promise<void> =>
      area.dispatchEvent(type, {
        ...{ pointerId: 7, pointerType: 'touch', isPrimary: true, bubbles: true },
        clientX: box.x + box.width * share,
        clientY: box.y + 20,
      });
    await touch('pointerdown', 0.2);
    await touch('pointermove', 0.5);
    await touch('pointermove', 0.7);
    await touch('pointerup', 0.7);
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 1 to 151 of 300');
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('comes back to the truth after a reload, and after the studio was gone', async () => {
    const dir = await sampleRun(dirOf('coming-back'), { steps: 50, total: 100 });
    const page = await there.open('/runs/coming-back');
    await expect.poll(() => standing(page).textContent(), patience).toContain('to 50 of 50');
    await page.reload();
    await expect.poll(() => standing(page).textContent(), patience).toContain('to 50 of 50');
    await there.stop();
    await page.getByText('The studio does not answer').waitFor(patience);
    await appendFile(join(dir, 'metrics.jsonl'), lineOf(sampleStep(51, 100)));
    await there.startAgain();
    await expect.poll(() => standing(page).textContent(), patience).toContain('to 51 of 51');
    // A run that is moved away is said to be gone.
    await rm(dir, { recursive: true });
    await page.getByText('there is no run "coming-back"').waitFor(patience);
    await page.context().close();
  });

  it('takes names, settings and lines of any kind for text', async () => {
    const dir = await sampleRun(dirOf(hostile), {
      steps: 60,
      spikes: { 30: NaN },
      settings: {
        data: '<script>document.title=2</script>',
        judge_prompt: 'x'.repeat(1 << 20),
        method: '\u202Ecut',
      },
    });
    await appendFile(join(dir, 'metrics.jsonl'), '<script>document.title=3</script>\n{"step":1e999}\n[]\n');
    await mkdir(dirOf('damaged'));
    await writeFile(join(dirOf('damaged'), 'run.yaml'), 'lambda: [<script>');
    const page = await there.open('/runs');
    await page.getByText('damaged').first().waitFor(patience);
    await page.locator('.run-row', { hasText: 'damaged' }).getByRole('alert').waitFor(patience);
    await page.getByRole('link', { name: '<img src=x' }).click();
    await figure(page, 'Loss').waitFor(patience);
    await page.getByText('3 lines of its steps cannot be read').waitFor(patience);
    expect(await page.locator('h1').textContent()).toBe(hostile);
    expect(await page.title()).toContain('Runs');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    for (const name of ['../..', '/etc', 'first/../../x', 'nowhere']) {
      await page.goto(`${new URL('/', there.studio().link).href}#/runs/${encodeURIComponent(name)}`);
      await page.getByText('there is no run').waitFor(patience);
    }
    await page.context().close();
  });

  it('shows rounds with held-out success, and the same prompts after each', async () => {
    const dir = await sampleRun(dirOf('rounds'), { steps: 0, kind: 'online', settings: { rounds: 2 } });
    const row = (id: number, output: string, judgment: string | null): string =>
      lineOf({ id: `row-${id}`, instruction: `Name river ${id}.`, output, judgment });
    for (const round of [0, 1, 2]) {
      const folder = join(dir, 'rounds', String(round));
      await mkdir(folder, { recursive: true });
      const rows = Array.from({ length: 10 }, (_, id) =>
        row(id, `Answer ${round}`, id < 2 + 4 * round ? null : '<b>wrong</b>'),
      );
      await writeFile(join(folder, 'held-out.jsonl'), rows.join(''));
      if (round === 0) continue;
      await writeFile(join(folder, 'judged.jsonl'), rows.join(''));
      await sampleRun(join(folder, 'training'), { steps: 20, complete: true });
    }
    const page = await there.open('/runs/rounds');
    const rounds = figure(page, 'Share of satisfactory responses');
    await rounds.waitFor(patience);
    await page.getByText('2 rounds').waitFor(patience);
    await expect.poll(() => standing(page).textContent(), patience).toContain('Steps 1 to 40 of 40');
    await rounds.getByText('Table').click();
    expect(await rounds.getByRole('row', { name: /^2/ }).textContent()).toContain('100.0%');
    const prompt = page.locator('.fixed-answers li').nth(2);
    expect(await prompt.textContent()).toMatch(
      /Name river 2.*BeforeAnswer 0.*not yet.*<b>wrong<\/b>.*Round 1Answer 1.*satisfactory/,
    );
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('opens 100,000 steps, and no spike is lost', async () => {
    await sampleRun(dirOf('long'), { steps: 100_000, spikes: { 54_321: 99 }, complete: true });
    const page = await there.open('/runs/long');
    await expect
      .poll(() => standing(page).textContent(), patience)
      .toContain('Steps 1 to 100,000 of 100,000');
    const curves = await page.evaluate<RunCurves>(
      `fetch('/api/runs/curves?run=long&points=500').then((response) => response.json())`,
    );
    expect(curves.steps.length).toBeLessThanOrEqual(500);
    const peak = curves.series['loss']!.high!.indexOf(99);
    expect(Math.abs(curves.steps[peak]! - 54_321)).toBeLessThanOrEqual(curves.every);
    for (let i = 0; i < 12; i++) await page.getByRole('button', { name: 'Zoom in' }).click();
    await expect.poll(() => standing(page).textContent(), patience).toMatch(/Steps 49,\d+ to 50,\d+ of/);
    await expect.poll(() => figure(page, 'Loss').locator('.reading').textContent(), patience).toMatch(/step/);
    await page.context().close();
  });

  it('asks nobody else, and nothing went wrong on the way', () => {
    expect(there.elsewhere).toEqual([]);
    // A browser notes each answer of 422, which is how the studio says that there is no such run.
    expect(there.complaints.filter((each) => !each.includes('422'))).toEqual([]);
  });

  /** Pixels of a drawing that are not its ground. */
  const drawn = (page: Page, name: string): Promise<number> =>
    figure(page, name)
      .locator('canvas')
      .evaluate((canvas) => {
        const { width, height } = canvas as unknown as { width: number; height: number };
        const context = (
          canvas as unknown as {
            getContext(kind: string): { getImageData(...box: number[]): { data: Uint8ClampedArray } };
          }
        ).getContext('2d');
        const { data } = context.getImageData(0, 0, width, height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 3]! > 128 && data[i + 2]! - data[i]! > 60) count++;
        return count;
      });
});
