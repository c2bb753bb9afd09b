// A browser before the studio, for the tests of its rooms, its benchmark and its pictures: pages that note what went wrong
// and who else was asked, and axe's findings.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startStudio } from '../../src/studio/index.ts';
import type { RunningStudio, StudioOptions } from '../../src/studio/index.ts';
import { findChromium } from '../report/chromium.ts';
import { builtStudio } from './built-page.ts';

const executablePath = findChromium();
export const hasBrowser: boolean = executablePath !== undefined;

/** A suite's title, which says where it is skipped and why. */
export const inBrowser = (what: string): string =>
  hasBrowser
    ? `${what} in a browser`
    : `${what} in a browser (skipped: no chromium in PATH, and CHROMIUM names none)`;

/** For whatever a model or a slow machine takes. */
export const patience = { timeout: 30_000 };

/** A phone. */
export const phone: BrowserContextOptions = {
  viewport: { width: 375, height: 700 },
  hasTouch: true,
  isMobile: true,
};

export interface Visit {
  /** Folder of runs, removed at the end. */
  readonly folder: string;
  readonly studio: () => RunningStudio;
  /** A page of its own context that has signed in, at a room: "/runs". */
  readonly open: (place: string, options?: BrowserContextOptions) => Promise<Page>;
  /** Ends the studio, and starts it again at the same address. */
  readonly stop: () => Promise<void>;
  readonly startAgain: () => Promise<void>;
  /** What pages complained of, but for the server that was gone on purpose; requests to others. */
  readonly complaints: string[];
  readonly elsewhere: string[];
  readonly end: () => Promise<void>;
}

/** Starts a studio on a folder of its own, with the page as it is now unless one is given. */
export async function visit(given: Partial<StudioOptions> = {}): Promise<Visit> {
  if (executablePath === undefined) throw new Error('expected a Chromium in PATH or CHROMIUM');
  const folder = await mkdtemp(join(tmpdir(), 'studio-'));
  const start = async (port: number): Promise<RunningStudio> =>
    startStudio({
      ...{ host: '127.0.0.1', port, apiKey: null, shutdownTimeout: 2 },
      page: given.page ?? (await builtStudio()),
      ...{ model: null, adapter: null, template: null, prompts: null, threads: 1, runs: folder },
      onNote: () => undefined,
      ...given,
    });
  let studio = await start(0);
  const { port } = studio;
  const browser: Browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  return {
    folder,
    studio: () => studio,
    complaints,
    elsewhere,
    open: async (place, options = {}) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      page.on('console', (message) => {
        if (
          message.type() === 'error' &&
          !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/.test(message.text())
        )
          complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      const { origin } = new URL(studio.link);
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
          elsewhere.push(request.url());
      });
      await page.goto(`${studio.link}#${place}`);
      return page;
    },
    stop: () => studio.close(),
    startAgain: async () => {
      studio = await start(port);
    },
    end: async () => {
      await browser.close();
      await studio.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds serious or critical. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(await readFile(axe, 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
  });
}

/** How far the page reaches beyond its window, in CSS pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
