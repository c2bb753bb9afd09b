// Speed of the studio as it is felt, in a real browser: node scripts/run-ts.mjs bench/studio.bench.ts [MODEL [WORDS]]
// First paint; from the last key of a judgment to its colours, the pause of 250 ms included; frames while the slider of
// lambda moves over an answer of 1000 tokens; a run of 100,000 steps: until its curves are drawn, and frames while one zooms
// and moves along it; the page's size. MODEL is a folder with a tokenizer that has the
// word "river" and a template.json, default the model that comes with the project; the judged answer has WORDS words (8).
// Needs the built page (npm run build) and a Chromium.
import { appendFile, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import { startStudio } from '../src/studio/index.ts';
import type { RunningStudio } from '../src/studio/index.ts';
import type { AnswerScores, ChatState } from '../src/studio/api/chat.ts';
import { findChromium } from '../test/report/chromium.ts';
import { sampleRun } from '../test/studio/sample-runs.ts';

const [model = 'models/world-128', count = '8'] = process.argv.slice(2);
const words = Number(count);
const rounds = 7;
const executablePath = findChromium();
if (executablePath === undefined) throw new Error('expected a Chromium in PATH or CHROMIUM');

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const tell = (what: string, values: readonly number[], unit: string): void =>
  void process.stdout.write(
    `${what}: median ${median(values).toFixed(0)} ${unit}, least ${Math.min(...values).toFixed(0)}, most ${Math.max(...values).toFixed(0)}\n`,
  );

const runs = await mkdtemp(join(tmpdir(), 'studio-bench-'));
const start = (): Promise<RunningStudio> =>
  startStudio({
    ...{ host: '127.0.0.1', port: 0, apiKey: null, shutdownTimeout: 2, page: resolve('dist/studio') },
    ...{ model: resolve(model), adapter: null, template: null, prompts: null, threads: null, runs },
    onNote: () => undefined,
  });
let studio = await start();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  await paint();
  await colours();
  await slider();
  await longRun();
  await size();
} finally {
  await browser.close();
  await studio.close();
  await rm(runs, { recursive: true, force: true });
}

async function paint(): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(studio.link);
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    times.push(
      await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
    );
    await page.context().close();
  }
  tell('first paint', times, 'ms');
}

async function colours(): Promise<void> {
  // An answer of this many words, whatever the model would say.
  const text = Array.from({ length: words }, () => 'river').join(' ');
  const line = {
    event: 'answered',
    id: 'a1',
    before: [],
    message: 'Say river.',
    text,
    version: 0,
    whole: true,
  };
  await studio.close();
  await appendFile(join(runs, 'studio', basename(resolve(model)), 'chat.jsonl'), `${JSON.stringify(line)}\n`);
  studio = await start();
  const page = await browser.newPage();
  await page.goto(studio.link);
  const article = page.getByRole('article', { name: 'Answer 1', exact: true });
  await article.waitFor({ timeout: 600_000 });
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await article.getByRole('textbox', { name: 'What is wrong?' }).fill('');
    await article.locator('.ink').first().waitFor({ state: 'detached' });
    times.push(await coloursAfter(page, `The word river is said ${i} times.`));
  }
  const tokens = await article.locator('.token').count();
  tell(`colours of ${tokens} tokens after the last key`, times, 'ms');
  await page.close();
}

/** Milliseconds from the input to the first frame with colours, measured in the page. */
function coloursAfter(page: Page, words: string): Promise<number> {
  return page.evaluate<number>(
    `((words) => new Promise((done) => {
      const box = document.querySelector('.verdict textarea');
      const began = performance.now();
      box.value = words;
      box.dispatchEvent(new Event('input', { bubbles: true }));
      const look = () => document.querySelector('.ink') ? done(performance.now() - began) : requestAnimationFrame(look);
      requestAnimationFrame(look);
    }))(${JSON.stringify(words)})`,
  );
}

/** The studio's answers are made up here, so that the answer has exactly 1000 tokens. */
async function slider(): Promise<void> {
  const count = 1000;
  const words = Array.from({ length: count }, (_, i) => `word${i} `);
  const text = words.join('');
  const ends = words.map(
    (
      (sum) => (word: string) =>
        (sum += word.length)
    )(0),
  );
  const scores: AnswerScores = {
    tokens: ends.map((end, i) => [i === 0 ? 0 : ends[i - 1]!, end]),
    plain: words.map(() => -2),
    judged: words.map((_, i) => -2 + Math.sin(i) * 1.5),
  };
  const state: ChatState = {
    ...{ model: 'a bench', revision: 0, remembers: true, lambda: 1.2, prompts: [] },
    answers: [
      {
        ...{ id: 'a1', message: 'Count.', text, version: 0, whole: true },
        verdict: { kind: 'wrong', words: 'Too long.', marks: [] },
      },
    ],
    learning: {
      fresh: 1,
      canLearn: true,
      progress: null,
      unfinished: null,
      problem: null,
      inUse: 0,
      versions: [],
    },
  };
  const page = await browser.newPage();
  await page.route('**/api/events*', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: `data: ${JSON.stringify({ topic: 'chat', event: state })}\n\n`,
    }),
  );
  await page.route('**/api/chat/scores', (route) => route.fulfill({ json: scores }));
  await page.goto(studio.link);
  await page
    .locator('.ink')
    .nth(count - 1)
    .waitFor();
  const frames = await page.evaluate<number[]>(`new Promise((done) => {
    const slider = document.getElementById('lambda');
    const times = [];
    let step = 0;
    let last = performance.now();
    const move = (now) => {
      if (step > 0) times.push(now - last);
      last = now;
      if (step++ === 120) return done(times);
      slider.value = String(1 + (step % 60) * 0.05);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  })`);
  tell(`a frame while the slider recolours ${count} tokens`, frames, 'ms');
  await page.close();
}

/** A studio each time, so that the steps are read each time. */
async function longRun(): Promise<void> {
  await sampleRun(join(runs, 'long'), { steps: 100_000, spikes: { 54_321: 99 }, complete: true });
  const drawn: number[] = [];
  const frames: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await studio.close();
    studio = await start();
    const page = await browser.newPage();
    await page.goto(studio.link);
    const began = performance.now();
    await page.goto(`${new URL(studio.link).origin}/#/runs/long`);
    await page.getByText('Steps 1 to 100,000 of 100,000').waitFor();
    await page.locator('.plot canvas').first().waitFor();
    drawn.push(performance.now() - began);
    frames.push(...(await framesWhileZooming(page)));
    await page.close();
  }
  tell('from the click to the curves of 100,000 steps', drawn, 'ms');
  tell('a frame while one zooms and moves along them', frames, 'ms');
}

/** As a trackpad does it: a small turn of the wheel a frame, in, along, and out again. */
function framesWhileZooming(page: Page): Promise<number[]> {
  return page.evaluate<number[]>(`new Promise((done) => {
    const area = document.querySelector('.u-over');
    const { left, top, width } = area.getBoundingClientRect();
    const turn = (how) => area.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, clientX: left + width / 2, clientY: top + 50, ...how }));
    const times = [];
    let step = 0;
    let last = performance.now();
    const move = (now) => {
      if (step > 0) times.push(now - last);
      last = now;
      if (step++ === 150) return done(times);
      if (step < 50) turn({ deltaY: -8, ctrlKey: true });
      else if (step < 100) turn({ deltaX: 25, deltaY: 0 });
      else turn({ deltaY: 8, ctrlKey: true });
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  })`);
}

async function size(): Promise<void> {
  const assets = resolve('dist/studio/assets');
  const files = await Promise.all((await readdir(assets)).map((name) => readFile(join(assets, name))));
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  process.stdout.write(`the page: ${(bytes / 1024).toFixed(1)} KB gzipped in ${files.length} files\n`);
}
