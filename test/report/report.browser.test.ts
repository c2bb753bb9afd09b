// The report in a real browser: nothing scrolls sideways, nothing is fetched, everything works by keyboard, and it
// can be read without its script. Needs a Chromium, see chromium.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { barFigure, renderReport } from '../../src/report/index.ts';
import type { ReportData } from '../../src/report/index.ts';
import { findChromium } from './chromium.ts';
import { hostileReport, sampleReport } from '../../src/report/sample.test-helper.ts';

const words = 'One two three four five six seven eight nine ten eleven twelve'.split(' ');
const long = Array.from({ length: 8 }, () => `${words.join(' ')}.\n`).join('\n');
/** Every token flagged: words behind spaces, full stops and line breaks. */
const flaggedThroughout: ReportData = {
  title: 'Flags',
  date: 'today',
  heatMaps: [
    {
      instruction: 'Count.',
      judgment: 'Wrong.',
      response: long,
      tokens: [...long.matchAll(/ ?\w+|\.|\n+/g)].map(({ 0: text, index }) => ({
        ...{ text, start: index, end: index + text.length },
        ...{ plain: -1, judged: -0.5, flagged: true },
      })),
    },
  ],
};

const executablePath = findChromium();
const title = executablePath
  ? 'the report in a browser'
  : 'the report in a browser (skipped: no chromium in PATH, and CHROMIUM names none)';

describe.skipIf(executablePath === undefined)(title, () => {
  let browser: Browser;
  let folder: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'report-'));
    writeFileSync(join(folder, 'sample.html'), renderReport(sampleReport));
    writeFileSync(join(folder, 'hostile.html'), renderReport(hostileReport));
    writeFileSync(join(folder, 'flags.html'), renderReport(flaggedThroughout));
    const { families } = sampleReport;
    writeFileSync(
      join(folder, 'bars.svg'),
      barFigure({
        title: 'Bars',
        value: { label: 'rate' },
        series: [{ name: 'after' }],
        groups: families!.map(({ title, after }) => ({ name: title, values: [after] })),
      }),
    );
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-gpu'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    name: string,
    {
      width = 1400,
      colorScheme = 'light',
      javaScriptEnabled = true,
    }: { width?: number; colorScheme?: 'light' | 'dark'; javaScriptEnabled?: boolean } = {},
  ): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme,
      javaScriptEnabled,
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    complaints.length = 0;
    page.on('console', (message) => complaints.push(`console ${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(`request: ${request.url()}`);
    });
    await page.goto(pathToFileURL(join(folder, name)).href);
    return page;
  }

  const focused = (page: Page): Promise<string> =>
    page.evaluate(
      `document.activeElement.id || document.activeElement.className || document.activeElement.tagName`,
    );

  it.each(['sample.html', 'hostile.html'])('%s fits 360 and 1400 px without a complaint', async (name) => {
    for (const width of [360, 1400])
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await open(name, { width, colorScheme });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        expect(complaints).toEqual([]);
        await page.context().close();
      }
  });

  it.each([360, 500, 1400])('leaves no box empty where a line breaks, at %s px', async (width) => {
    const page = await open('flags.html', { width });
    const boxes = await page.evaluate<{ text: string; widths: number[] }[]>(
      `[...document.querySelectorAll('.tokens .ink')].map((ink) => ({ text: ink.textContent, widths: [...ink.getClientRects()].map(({ width }) => width) }))`,
    );
    expect(boxes).toHaveLength(flaggedThroughout.heatMaps![0]!.tokens.length);
    // One piece each, and with its padding as wide as its text.
    for (const { text, widths } of boxes) {
      expect(widths, text).toHaveLength(1);
      expect(widths[0], text).toBeGreaterThan(10);
    }
    const tops = await page.evaluate<number[]>(
      `[...new Set([...document.querySelectorAll('.tokens .ink')].map((ink) => Math.round(ink.getBoundingClientRect().top)))]`,
    );
    expect(tops.length).toBeGreaterThan(width === 1400 ? 3 : 8);
    await page.context().close();
  });

  it('draws the charts of training in one size', async () => {
    const page = await open('sample.html');
    const plots = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.panels svg')].map((svg) => [...svg.querySelectorAll('.axis')].slice(0, 1).map((line) => Math.round(line.getBoundingClientRect().width)).join())`,
    );
    expect(plots).toHaveLength(3);
    expect(new Set(plots).size).toBe(1);
    await page.context().close();
  });

  it('follows the system’s theme and the button', async () => {
    const page = await open('sample.html', { colorScheme: 'dark' });
    const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await paper();
    await page.getByRole('button', { name: 'Light theme' }).click();
    const light = await paper();
    expect(light).toBe('rgb(255, 255, 255)');
    expect(dark).not.toBe(light);
    await page.getByRole('button', { name: 'Dark theme' }).press('Enter');
    expect(await paper()).toBe(dark);
    await page.context().close();
  });

  it('tells a token’s numbers on hover, on a tap and by keyboard', async () => {
    const page = await open('sample.html', { width: 360 });
    const box = page.getByRole('listbox', { name: 'Tokens of response 1' });
    const tokens = box.getByRole('option');
    const details = page.locator('#tokens-1-details dd');
    // The first flagged token to begin with.
    expect(await details.nth(0).textContent()).toBe('␣43');
    expect(await details.nth(5).textContent()).toBe('yes');
    await tokens.nth(0).hover();
    expect(await details.nth(0).textContent()).toBe('The');
    await page.mouse.move(0, 0);
    expect(await details.nth(0).textContent()).toBe('␣43');
    await tokens.nth(1).click();
    expect(await details.nth(0).textContent()).toBe('␣farmer');
    await page.keyboard.press('ArrowRight');
    expect(await details.nth(0).textContent()).toBe('␣has');
    await page.keyboard.press('End');
    expect(await details.nth(0).textContent()).toBe('</s>');
    await page.keyboard.press('ArrowUp');
    expect(await details.nth(0).textContent()).toBe('␣43');
    expect(await tokens.nth(3).getAttribute('aria-selected')).toBe('true');
    expect(await box.locator('[tabindex="0"]').count()).toBe(1);
    // The numbers are the table's.
    const row = page.locator('.example').first().locator('tbody tr').nth(3).locator('th, td');
    expect(await row.allTextContents()).toEqual(await details.allTextContents());
    await page.context().close();
  });

  it('filters answers by outcome and family', async () => {
    const page = await open('sample.html');
    const shown = page.locator('.answers > li:visible');
    expect(await shown.count()).toBe(4);
    await page
      .getByText('broke', { exact: false })
      .locator('visible=true')
      .and(page.locator('.filters span'))
      .click();
    expect(await shown.count()).toBe(4);
    expect(await page.getByRole('status').textContent()).toBe('Showing 4 of 4 that match.');
    await page.getByRole('combobox', { name: 'Family' }).selectOption('Opposites');
    expect(await shown.count()).toBe(1);
    await page.getByRole('combobox', { name: 'Family' }).selectOption('');
    await page.getByRole('radio', { name: /^all/ }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Show all 40' }).click();
    expect(await shown.count()).toBe(40);
    await page.context().close();
  });

  it('is reached by Tab from top to bottom, with a visible focus', async () => {
    const page = await open('sample.html');
    const order: string[] = [];
    for (;;) {
      await page.keyboard.press('Tab');
      const name = await focused(page);
      if (name === 'BODY') break;
      order.push(name);
      expect(order.length).toBeLessThan(50);
      const outline = await page.evaluate<string>(
        `getComputedStyle(document.activeElement.matches('input') ? document.activeElement.nextElementSibling : document.activeElement.querySelector('.ink') ?? document.activeElement).outlineStyle`,
      );
      expect(outline, order.at(-1)).not.toBe('none');
    }
    const at = (name: string): number => order.findIndex((one) => one.includes(name));
    expect(at('skip')).toBe(0);
    expect(at('theme')).toBe(1);
    expect(order.filter((one) => one.startsWith('token ')).length).toBe(sampleReport.heatMaps!.length);
    expect(at('more')).toBeGreaterThan(at('token '));
    await page.context().close();
  });

  it('can be read without its script', async () => {
    const page = await open('sample.html', { javaScriptEnabled: false });
    for (const text of ['31.5%', '85.2%', 'The arithmetic slips at the end', 'Instruction 40'])
      expect(await page.getByText(text).first().isVisible()).toBe(true);
    expect(await page.locator('button:visible, form:visible').count()).toBe(0);
    await page.getByText('All 8 tokens as a table').click();
    expect(await page.getByRole('cell', { name: 'off by one' }).first().isVisible()).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('draws text of figures without overlap', async () => {
    const page = await open('bars.svg');
    const overlaps = await page.evaluate<string[]>(`(() => {
      const boxes = [...document.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]);
      const found = [];
      boxes.forEach(([a, p], i) => boxes.slice(0, i).forEach(([b, q]) => {
        if (p.left < q.right && q.left < p.right && p.top + 2 < q.bottom && q.top + 2 < p.bottom) found.push(a + ' | ' + b);
      }));
      return found;
    })()`);
    expect(overlaps).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
