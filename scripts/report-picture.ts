// A picture of a report as a browser shows it: node scripts/run-ts.mjs scripts/report-picture.ts PAGE.html OUT.png
// [--width N] [--height N] [--dark] [--at ID] [--whole]. Needs a Chromium, see test/report/chromium.ts.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findChromium } from '../test/report/chromium.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1200' },
    height: { type: 'string', default: '800' },
    dark: { type: 'boolean', default: false },
    /** The element to begin at, by its id. */
    at: { type: 'string' },
    /** The whole page, however long. */
    whole: { type: 'boolean', default: false },
  },
});
const [page, out] = positionals;
const executablePath = findChromium();
if (!page || !out || !executablePath)
  throw new Error('expected PAGE.html and OUT.png, and a Chromium in PATH or CHROMIUM');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const context = await browser.newContext({
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  const tab = await context.newPage();
  await tab.goto(pathToFileURL(resolve(page)).href + (values.at ? `#${values.at}` : ''));
  await tab.screenshot({ path: out, fullPage: values.whole });
  const height = await tab.evaluate<number>('document.documentElement.scrollHeight');
  process.stdout.write(`${out}: the page is ${height} px high\n`);
} finally {
  await browser.close();
}
