// The Chat room in a real browser: ask, judge in words, see what that is about, learn, go back; by keyboard, by touch, in
// two tabs, with hostile texts. Needs a Chromium, see test/report/chromium.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStudio } from '../../src/studio/index.ts';
import type { RunningStudio } from '../../src/studio/index.ts';
import { findChromium } from '../report/chromium.ts';
import { inBrowser, patience, seriousFindings } from './browser.ts';
import { builtStudio } from './built-page.ts';

const model = fileURLToPath(new URL('../../models/world-128', import.meta.url));
const executablePath = findChromium();
/** Of the world's test split: the model answers that it is Krakow. */
const question = 'Name the capital of Poland. I would like to know.';
const judgment = 'Poland has another capital.';

describe.skipIf(executablePath === undefined)(inBrowser('the Chat room'), () => {
  let browser: Browser;
  let folder: string;
  let studio: RunningStudio;
  const complaints: string[] = [];
  const elsewhere: string[] = [];

  const start = async (runs: string): Promise<RunningStudio> =>
    startStudio({
      ...{ host: '127.0.0.1', port: 0, apiKey: null, shutdownTimeout: 2, page: await builtStudio() },
      ...{ model, adapter: null, template: null, prompts: null, threads: 1, onNote: () => undefined, runs },
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'studio-chat-'));
    studio = await start(folder);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-gpu'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await studio?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(options: BrowserContextOptions = {}, { link } = studio): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL(link).origin) && !request.url().startsWith('data:'))
        elsewhere.push(request.url());
    });
    await page.goto(link);
    await page.getByRole('textbox', { name: 'Message' }).waitFor(patience);
    return page;
  }

  const answers = (page: Page) => page.getByRole('article', { name: /^Answer \d+$/ });
  const wrong = (page: Page, n: number) =>
    page
      .getByRole('article', { name: `Answer ${n}`, exact: true })
      .getByRole('textbox', { name: 'What is wrong?' });

  async function ask(page: Page, message: string): Promise<number> {
    const before = await answers(page).count();
    await page.getByRole('textbox', { name: 'Message' }).fill(message);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('article', { name: `Answer ${before + 1}`, exact: true }).waitFor(patience);
    return before + 1;
  }

  it('asks, judges, shows what the judgment is about, learns, and returns to how it was', async () => {
    const page = await open();
    const n = await ask(page, question);
    const article = page.getByRole('article', { name: `Answer ${n}`, exact: true });
    const tokens = article.locator('.tokens');
    const text = await tokens.textContent();
    await wrong(page, n).fill(judgment);
    await article.locator('mark').first().waitFor(patience);
    expect(await article.locator('.flagged-share').textContent()).toMatch(/\d+% ?flagged: \d+ of \d+ tokens/);
    // The slider recolours at once, and does not ask the model.
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const many = await article.locator('mark').count();
    await page.getByRole('slider', { name: 'Lambda' }).fill('4');
    const few = await article.locator('mark').count();
    expect(few).toBeLessThanOrEqual(many);
    expect(asked.filter((url) => url.endsWith('/scores'))).toEqual([]);
    await page.getByRole('slider', { name: 'Lambda' }).fill('1.2');

    await page.getByRole('button', { name: 'Learn', exact: true }).click();
    await page.getByRole('progressbar', { name: 'Learning' }).waitFor(patience);
    const versions = page.getByRole('list', { name: 'Versions' });
    await versions.getByText('Version 1').waitFor(patience);
    await page.locator('.before-after').first().waitFor(patience);
    expect(await page.locator('.changes').textContent()).toMatch(/\d+ of \d+ other answers changed/);
    expect(await ask(page, question)).toBe(n + 1);
    expect(await answers(page).nth(n).textContent()).toContain('Answered by version 1');

    await versions.getByRole('button', { name: 'Return to the model as it was' }).click();
    await versions.locator('li', { hasText: 'As it was' }).getByText('in use').waitFor(patience);
    const again = await ask(page, question);
    expect(
      await answers(page)
        .nth(again - 1)
        .locator('.tokens')
        .textContent(),
    ).toBe(text?.replace(/end$/, ''));
    await page.context().close();
  });

  it('keeps what was judged over a reload, shows it in a second tab, and over a new start', async () => {
    const page = await open();
    const second = await open();
    const n = await ask(page, 'Say river three times.');
    await wrong(page, n).fill('You said it too few times.');
    await wrong(page, n).press('Enter');
    const inSecond = wrong(second, n);
    await inSecond.waitFor(patience);
    await expect.poll(() => inSecond.inputValue(), patience).toBe('You said it too few times.');
    await page.reload();
    await expect.poll(() => wrong(page, n).inputValue(), patience).toBe('You said it too few times.');
    await second.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => wrong(page, n).inputValue(), patience).toBe('');
    await page.context().close();
    await second.context().close();
    const count = n;
    await studio.close();
    studio = await start(folder);
    const later = await open();
    await expect.poll(() => answers(later).count(), patience).toBe(count);
    await later.context().close();
  });

  it('keeps what is typed while the studio still tells of what was before it', async () => {
    const page = await open();
    const n = await ask(page, 'Say river three times.');
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/chat/judgments', async (route) => {
      await released;
      await route.continue();
    });
    await wrong(page, n).fill('You said it too few times.');
    const sent = page.waitForRequest('**/api/chat/judgments');
    await wrong(page, n).press('Enter');
    await sent;
    // Another tab's message makes the studio tell of its state, which has no judgment yet.
    const second = await open();
    await ask(second, question);
    await page.getByRole('article', { name: `Answer ${n + 1}`, exact: true }).waitFor(patience);
    expect(await wrong(page, n).inputValue()).toBe('You said it too few times.');
    release();
    await expect.poll(() => wrong(second, n).inputValue(), patience).toBe('You said it too few times.');
    await page.context().close();
    await second.context().close();
  });

  it('works by keyboard alone', async () => {
    const page = await open();
    await page.getByRole('textbox', { name: 'Message' }).focus();
    await page.keyboard.type('Say river three times.');
    const n = (await answers(page).count()) + 1;
    await page.keyboard.press('Enter');
    const article = page.getByRole('article', { name: `Answer ${n}`, exact: true });
    await article.waitFor(patience);
    await article.locator('.tokens').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('m');
    expect(await article.locator('.error').count()).toBeGreaterThan(1);
    await page.keyboard.press('m');
    expect(await article.locator('.error').count()).toBe(0);
    await page.keyboard.press('p');
    await article.getByRole('button', { name: 'Perfect', pressed: true }).waitFor(patience);
    await page.keyboard.press('u');
    await article.getByRole('button', { name: 'Perfect', pressed: false }).waitFor(patience);
    await page.keyboard.press('s');
    await article.getByRole('button', { name: 'Skip', pressed: true }).waitFor(patience);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('fits a phone and everybody, %s', async (colorScheme) => {
    const page = await open({
      viewport: { width: 375, height: 700 },
      hasTouch: true,
      isMobile: true,
      colorScheme,
    });
    const n = await ask(page, question);
    await wrong(page, n).fill(judgment);
    const article = page.getByRole('article', { name: `Answer ${n}`, exact: true });
    await article.locator('.level-5').first().waitFor(patience);
    await article.locator('[data-at]').first().tap();
    await expect.poll(() => article.locator('.error').count()).toBeGreaterThan(0);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(375);
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('takes markup, other directions and endless words for text', async () => {
    const page = await open();
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202Eevil\u202C';
    const n = await ask(page, `${hostile} ${'a'.repeat(400)}`);
    await wrong(page, n).fill(hostile);
    await page.waitForTimeout(400);
    expect(await page.title()).toContain('Chat');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(
      await answers(page)
        .nth(n - 1)
        .textContent(),
    ).toContain('<script>');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
    await page.context().close();
  });

  it('asks nobody else, and nothing went wrong on the way', () => {
    expect(elsewhere).toEqual([]);
    expect(complaints.filter((each) => !each.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
  });
});
