// Whole journeys in a real browser: somebody with a phone judges, learns and goes on after the studio was gone; somebody
// judges the responses of an online run that waits for them, and goes on after a kill. Needs a Chromium, see
// test/report/chromium.ts.
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import { hasBrowser, inBrowser, overflow, patience, phone, seriousFindings, visit } from './browser.ts';
import type { Visit } from './browser.ts';

const model = fileURLToPath(new URL('../../models/world-128', import.meta.url));
const template = join(model, 'template.json');
const slow = { timeout: 60_000 };

describe.skipIf(!hasBrowser)(inBrowser('journeys through the studio'), () => {
  let there: Visit;
  beforeAll(async () => {
    there = await visit({ model });
  });
  afterAll(() => there?.end());

  it('judges and learns on a phone, by touch, and goes on after the studio was gone', async () => {
    const page = await there.open('/chat', phone);
    const answer = page.getByRole('article', { name: 'Answer 1', exact: true });
    const wrong = answer.getByRole('textbox', { name: 'What is wrong?' });
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.tap(patience);
    await message.fill('Name the capital of Poland. I would like to know.');
    await page.getByRole('button', { name: 'Send' }).tap();
    await answer.waitFor(patience);
    const before = await answer.locator('.tokens').textContent();
    await wrong.tap();
    await wrong.fill('Poland has another capital.');
    await answer.locator('mark').first().waitFor(patience);
    await page.getByRole('button', { name: 'Learn', exact: true }).tap();
    await page.getByRole('progressbar', { name: 'Learning' }).waitFor(patience);
    const versions = page.getByRole('list', { name: 'Versions' });
    await versions.locator('li', { hasText: 'Version 1' }).getByText('in use').waitFor(slow);
    await page.locator('.before-after').first().waitFor(slow);
    expect(await overflow(page)).toBe(0);
    expect(await seriousFindings(page)).toEqual([]);

    await there.stop();
    await page.getByText('The studio does not answer. Trying again').waitFor(patience);
    await page.getByRole('button', { name: 'Return to the model as it was' }).tap();
    await page.getByRole('alert').getByText('The studio does not answer').waitFor(patience);
    await there.startAgain();
    await page
      .getByText('The studio does not answer. Trying again')
      .waitFor({ state: 'detached', ...patience });
    await versions.locator('li', { hasText: 'Version 1' }).getByText('in use').waitFor(patience);
    expect(await wrong.inputValue()).toBe('Poland has another capital.');
    await page.getByRole('button', { name: 'Return to the model as it was' }).tap();
    await versions.locator('li', { hasText: 'As it was' }).getByText('in use').waitFor(patience);
    await message.fill('Name the capital of Poland. I would like to know.');
    await page.getByRole('button', { name: 'Send' }).tap();
    const again = page.getByRole('article', { name: 'Answer 2', exact: true });
    await again.waitFor(patience);
    // What stands behind an answer that is judged is its end token.
    expect(await again.locator('.tokens').textContent()).toBe(before);
    await page.context().close();
  });

  it('judges for an online run that waits, and goes on where a kill cut it off', async () => {
    const cli = await buildCli('real');
    const out = join(there.folder, 'online');
    const tasks = join(there.folder, 'tasks.jsonl');
    const prompts = ['Name the capital of Poland.', 'List two birds.', 'Say river three times.'];
    await writeFile(tasks, prompts.map((instruction) => `${JSON.stringify({ instruction })}\n`).join(''));
    const begin = async (): Promise<{ child: ChildProcess; ended: Promise<unknown>; link: string }> => {
      const { child, finished } = cli.start([
        ...['online', '--model', model, '--template', template, '--instructions', tasks, '--out', out],
        ...['--judge', 'person:', '--rounds', '1', '--per_round', '3', '--eval_size', '0'],
        ...['--max_new_tokens', '24', '--threads', '1', '--epochs', '1', '--resume'],
      ]);
      let said = '';
      const link = await new Promise<string>((resolve, reject) => {
        const hear = (part: string): void => {
          said += part;
          const [, found] = /(http:\S+)\n/.exec(said) ?? [];
          if (found) resolve(found);
        };
        child.stdout!.on('data', hear);
        child.stderr!.on('data', hear);
        void finished.then(() => reject(new Error(said)));
      });
      return { child, ended: finished, link };
    };
    const judge = async (page: Page, words: string): Promise<void> => {
      const progress = page.getByRole('progressbar', { name: 'Judged' });
      const before = Number(await progress.getAttribute('value', patience));
      await page.getByRole('textbox', { name: 'What is wrong?' }).fill(words);
      await page.getByRole('button', { name: 'Save and next' }).click();
      if (before < prompts.length - 1)
        await expect.poll(() => progress.getAttribute('value'), patience).toBe(String(before + 1));
    };
    let run = await begin();
    const page = await there.open('/judge');
    await page.goto(run.link);
    await judge(page, 'The first judgment.');
    // What is being typed is not saved yet.
    await page.getByRole('textbox', { name: 'What is wrong?' }).fill('The second');
    run.child.kill('SIGKILL');
    await run.ended;
    await page.getByText('The studio does not answer. Trying').waitFor(patience);
    run = await begin();
    await page.goto(run.link);
    const progress = page.getByRole('progressbar', { name: 'Judged' });
    await expect.poll(() => progress.getAttribute('value'), patience).toBe('1');
    await judge(page, 'The second judgment.');
    await judge(page, 'The third judgment.');
    expect(await run.ended).toMatchObject({ code: 0 });
    const rows = (await readFile(join(out, 'rounds', '1', 'judged.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { judgment: string }).judgment);
    expect(rows.sort()).toEqual(['The first judgment.', 'The second judgment.', 'The third judgment.']);
    await page.context().close();
  });
});
