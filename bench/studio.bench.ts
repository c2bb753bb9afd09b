// Speed of the studio as it is felt, in a real browser:
//   node scripts/run-ts.mjs bench/studio.bench.ts [MODEL [WORDS [PARTS]]]
// First paint; from the last key of a judgment to its colours, the pause of 250 ms included; frames while the slider of
// lambda moves over an answer of 1000 tokens; 20 judgments: from the click on Learn to the new version, and answers
// meanwhile; a run of 100,000 steps: until its curves are drawn, and frames while one zooms and moves along it; a file of
// 100,000 rows: until the first are there and until all have been looked at, and frames while one scrolls; the page's size.
// MODEL is a folder with a tokenizer that has the word "river" and a template.json, default the model that comes with the
// project; the judged answer has WORDS words (8). PARTS are some of those below, with commas between; default all.
// Needs the built page (npm run build) and a Chromium.
import { appendFile, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import type { AnswerScores, ChatState } from '../src/studio/api/chat.ts';
import { visit } from '../test/studio/browser.ts';
import { sampleRun } from '../test/studio/sample-runs.ts';

const parts = { paint, colours, unprepared, slider, learn, longRun, longFile, size };
const [model = 'models/world-128', count = '8', wanted = Object.keys(parts).join()] = process.argv.slice(2);
const words = Number(count);
const rounds = 7;
const patient = { timeout: 600_000 };

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const tell = (what: string, values: readonly number[], unit: string): void =>
  void process.stdout.write(
    `${what}: median ${median(values).toFixed(0)} ${unit}, least ${Math.min(...values).toFixed(0)}, most ${Math.max(...values).toFixed(0)}\n`,
  );

const there = await visit({ model: resolve(model), threads: null, page: resolve('dist/studio') });
const startAgain = async (): Promise<void> => {
  await there.stop();
  await there.startAgain();
};
const close = (page: Page): Promise<void> => page.context().close();
try {
  for (const [name, measure] of Object.entries(parts)) if (wanted.split(',').includes(name)) await measure();
} finally {
  await there.end();
}

async function paint(): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const page = await there.open('/chat');
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    times.push(
      await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
    );
    await close(page);
  }
  tell('first paint', times, 'ms');
}

/** Puts an answer of so many words into the transcript, whatever the model would say, and opens it. */
async function openAnswer(): Promise<Page> {
  const text = Array.from({ length: words }, () => 'river').join(' ');
  const line = {
    ...{ event: 'answered', id: 'a1', before: [], message: 'Say river.', text, version: 0, whole: true },
  };
  await there.stop();
  await appendFile(
    join(there.folder, 'studio', basename(resolve(model)), 'chat.jsonl'),
    `${JSON.stringify(line)}\n`,
  );
  await there.startAgain();
  return reopenAnswer();
}

async function reopenAnswer(): Promise<Page> {
  const page = await there.open('/chat');
  await page.getByRole('article', { name: 'Answer 1', exact: true }).waitFor(patient);
  return page;
}

async function colours(): Promise<void> {
  const page = await openAnswer();
  const article = page.getByRole('article', { name: 'Answer 1', exact: true });
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await article.getByRole('textbox', { name: 'What is wrong?' }).fill('');
    await article.locator('.ink').first().waitFor({ state: 'detached' });
    times.push(await coloursAfter(page, `The word river is said ${i} times.`));
  }
  const tokens = await article.locator('.token').count();
  tell(`colours of ${tokens} tokens after the last key`, times, 'ms');
  await close(page);
}

/** In a studio that was just started, as soon as the page is there and a person has read for half a second. */
async function unprepared(): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await startAgain();
    const page = await reopenAnswer();
    await page.waitForTimeout(500);
    times.push(await coloursAfter(page, `It is river ${i}.`));
    // Nothing of it is kept for the next time.
    const box = page.getByRole('textbox', { name: 'What is wrong?' });
    await box.fill('');
    await box.press('Enter');
    await page.waitForTimeout(500);
    await close(page);
  }
  tell('the first colours after the studio was started', times, 'ms');
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
  const page = await there.open('/judge');
  await page.route('**/api/events*', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: `data: ${JSON.stringify({ topic: 'chat', event: state })}\n\n`,
    }),
  );
  await page.route('**/api/chat/scores', (route) => route.fulfill({ json: scores }));
  await page.goto(there.studio().link);
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
  await close(page);
}

/** A studio each time, so that the steps are read each time. */
async function longRun(): Promise<void> {
  await sampleRun(join(there.folder, 'long'), { steps: 100_000, spikes: { 54_321: 99 }, complete: true });
  const drawn: number[] = [];
  const frames: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await startAgain();
    const page = await there.open('/judge');
    await page.getByRole('heading', { name: 'Judge' }).waitFor();
    const began = performance.now();
    await page.goto(`${new URL(there.studio().link).origin}/#/runs/long`);
    await page.getByText('Steps 1 to 100,000 of 100,000').waitFor();
    await page.locator('.plot canvas').first().waitFor();
    drawn.push(performance.now() - began);
    frames.push(...(await framesWhileZooming(page)));
    await close(page);
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

/** With the model's tokenizer, which counts every row; a studio each time, and a file that it does not know. */
async function longFile(): Promise<void> {
  const first: number[] = [];
  const all: number[] = [];
  const during: number[] = [];
  const after: number[] = [];
  for (let i = 0; i < 3; i++) {
    const file = join(there.folder, `rows-${i}.jsonl`);
    const row = (n: number): string =>
      JSON.stringify({
        instruction: `Add ${n} and ${n + i} to the sum of what was said before.`,
        output: `The sum of ${n} and ${n + i} is ${2 * n + i + (n % 7 === 0 ? 1 : 0)}.`,
        judgment: n % 50 === 0 ? 'N/A' : n % 7 === 0 ? `It is ${2 * n + i}.` : null,
      });
    await writeFile(file, Array.from({ length: 100_000 }, (_, n) => `${row(n)}\n`).join(''));
    await startAgain();
    const page = await there.open('/judge');
    await page.getByRole('heading', { name: 'Judge' }).waitFor();
    const began = performance.now();
    await page.goto(`${new URL(there.studio().link).origin}/#/data/${encodeURIComponent(file)}`);
    await page.getByRole('table', { name: 'Findings' }).locator('.row').first().waitFor();
    first.push(performance.now() - began);
    await page.getByRole('button', { name: 'All rows' }).click();
    during.push(...(await framesWhileScrolling(page)));
    await page.locator('.under-way').waitFor({ state: 'detached', ...patient });
    all.push(performance.now() - began);
    after.push(...(await framesWhileScrolling(page)));
    await close(page);
  }
  tell('from the click to the first of 100,000 rows', first, 'ms');
  tell('until all of them have been looked at and counted', all, 'ms');
  tell('a frame while one scrolls and they are looked at', during, 'ms');
  tell('a frame while one scrolls later', after, 'ms');
}

function framesWhileScrolling(page: Page): Promise<number[]> {
  return page.evaluate<number[]>(`new Promise((done) => {
    const area = document.querySelector('.table');
    const times = [];
    let step = 0;
    let last = performance.now();
    const move = (now) => {
      if (step > 0) times.push(now - last);
      last = now;
      if (step++ === 120) return done(times);
      area.scrollTop += step % 20 === 0 ? 20_000 : 60;
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  })`);
}

/** Twenty answers are judged; then Learn, while messages are sent one after another. */
async function learn(): Promise<void> {
  const took: number[] = [];
  const shown: number[] = [];
  const idle: number[] = [];
  const meanwhile: number[] = [];
  const nouns = [
    'river',
    'stone',
    'lamp',
    'garden',
    'bread',
    'cloud',
    'window',
    'letter',
    'meadow',
    'button',
  ];
  const messages = nouns.flatMap((noun) => [`Say ${noun} three times.`, `Say ${noun} twice.`]);
  for (let i = 0; i < 3; i++) {
    const page = await there.open('/chat');
    await page.getByRole('textbox', { name: 'Message' }).waitFor(patient);
    const post = (path: string, body: object): Promise<string> =>
      page.evaluate<string>(
        `fetch('/api/chat/${path}', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify(body))} }).then((response) => response.text())`,
      );
    const say = async (message: string): Promise<{ readonly id: string; readonly took: number }> => {
      const began = performance.now();
      const text = await post('messages', { message, judges: false });
      const last = JSON.parse(
        text
          .trim()
          .split('\n\n')
          .at(-1)!
          .replace(/^data: /, ''),
      ) as { answer: { id: string } };
      return { id: last.answer.id, took: performance.now() - began };
    };
    await post('new', {});
    for (const [n, message] of messages.entries()) {
      const { id, took: own } = await say(message);
      idle.push(own);
      const verdict = { kind: 'wrong', words: `The word was said too often, ${i + n} times.`, marks: [] };
      await post('judgments', { answer: id, verdict });
    }
    const version = `Version ${i + 1}`;
    const began = performance.now();
    await page.getByRole('button', { name: 'Learn', exact: true }).click();
    let isLearning = true;
    const talk = (async () => {
      while (isLearning) meanwhile.push((await say(messages[meanwhile.length % messages.length]!)).took);
    })();
    await page.getByRole('list', { name: 'Versions' }).getByText(version, { exact: true }).waitFor(patient);
    took.push(performance.now() - began);
    await page.getByText(`What version ${i + 1} changed`).waitFor(patient);
    await page
      .locator('.before-after')
      .nth(19)
      .waitFor({ state: 'attached', ...patient });
    shown.push(performance.now() - began);
    isLearning = false;
    await talk;
    await close(page);
  }
  tell('from the click on Learn to a version that has learned 20 judgments', took, 'ms');
  tell('until the judged prompts are answered again', shown, 'ms');
  tell('an answer before that', idle, 'ms');
  tell('an answer meanwhile', meanwhile, 'ms');
}

async function size(): Promise<void> {
  const assets = resolve('dist/studio/assets');
  const files = await Promise.all((await readdir(assets)).map((name) => readFile(join(assets, name))));
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  process.stdout.write(`the page: ${(bytes / 1024).toFixed(1)} KB gzipped in ${files.length} files\n`);
}
