// Models are asked with the template that their adapter was trained with, by `evaluate` and as judges; the values that a
// chat template's variables were given are among it.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { align } from '../../src/alignment/align.ts';
import { openSubjects } from '../../src/evaluation/subject/open-subjects.ts';
import type { OpenSubjectSettings } from '../../src/evaluation/subject/open-subjects.ts';
import { trainJudge } from '../../src/judge-training/index.ts';
import { openLocalJudge } from '../../src/judges/local/local.ts';
import type { Note } from '../../src/words/note.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';

const chat = '{{ messages[0].content }}{% if tone is defined %} {{ tone }}{% endif %}:';
let dir: string;
let model: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-templates-'));
  model = join(dir, 'model');
  await writeTinyModel(model);
  await writeFile(join(model, 'chat_template.jinja'), chat);
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(30));
  const run = align({
    ...{ data: join(dir, 'data.jsonl'), model, out: join(dir, 'run'), batchSize: 32, epochs: 1 },
    ...{ warmupSteps: 0, loraR: 2, threads: 1 },
  });
  try {
    await run.prepare();
    for await (const step of run) expect(step.loss).toBeGreaterThan(0);
  } finally {
    await run.dispose();
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function adapterWith(record: object | null): Promise<string> {
  const adapter = await mkdtemp(join(dir, 'adapter-'));
  await cp(join(dir, 'run/adapter'), adapter, { recursive: true });
  await rm(join(adapter, 'prompt_template.json'));
  if (record) await writeFile(join(adapter, 'prompt_template.json'), JSON.stringify(record));
  return adapter;
}

async function askedBy(
  adapter: string | null,
  given: Pick<OpenSubjectSettings, 'template' | 'templateArgs'>,
): Promise<{ prompt: string; notes: string[]; description: object; fingerprint: string }> {
  const notes: string[] = [];
  const [source] = await openSubjects([{ name: 'm', kind: 'local', model, adapter }], {
    ...{ maxLength: null, threads: 1, tokenizer: null, serverPrompts: 'ids', concurrency: 1 },
    ...{ timeout: 1, retries: 0, apiKeyEnv: null, env: {}, openEngine: openFakeEngine() },
    onNote: ({ text }: Note) => void notes.push(text),
    ...given,
  });
  const subject = await source!.open();
  const template = await subject.local!.template();
  await subject.close();
  const { description, fingerprint } = source!;
  return { prompt: template.render({ instruction: 'Why?' }, null), notes, description, fingerprint };
}

describe('evaluate', () => {
  const own = { template: null, templateArgs: null };

  it.each<[string, object | null, string, string]>([
    ['alpaca', { template: 'alpaca' }, 'Below is an instruction', 'alpaca'],
    [
      'chat with a variable',
      { template: 'chat', template_args: { tone: 'calm' } },
      'Why? calm:',
      'chat with tone="calm"',
    ],
    ['nothing, where the model has a chat template', null, 'Why?:', 'chat'],
  ])('asks an adapter that says %s so', async (_, record, prompt, described) => {
    const asked = await askedBy(await adapterWith(record), own);
    expect(asked.prompt.startsWith(prompt)).toBe(true);
    expect(asked.notes).toEqual([]);
    expect(asked.description).toMatchObject({ template: described });
  });

  it('says in a line where it is told otherwise, and takes values of variables', async () => {
    const adapter = await adapterWith({ template: 'alpaca' });
    const asked = await askedBy(adapter, { template: 'chat', templateArgs: { tone: 'kind' } });
    expect(asked.prompt).toBe('Why? kind:');
    expect(asked.notes).toEqual([
      expect.stringMatching(/trained with the template alpaca; .* chat with tone="kind"/),
    ]);
    expect(asked.description).toMatchObject({ template: 'chat', template_args: { tone: 'kind' } });
    expect((await askedBy(null, own)).prompt).toBe('Why?:');
  });

  it('is another model where only the template of its adapter differs', async () => {
    const [a, b] = await Promise.all(
      [{ template: 'alpaca' }, { template: 'chat' }].map(async (record) =>
        askedBy(await adapterWith(record), own),
      ),
    );
    expect(a!.fingerprint).not.toBe(b!.fingerprint);
  });
});

describe('train-judge', () => {
  it('trains, records and asks with the values of variables', async () => {
    const out = join(dir, 'judge');
    await mkdir(out);
    const training = trainJudge({
      ...{ data: join(dir, 'data.jsonl'), model, out, template: 'chat', templateArgs: { tone: 'calm' } },
      ...{ heldOut: 0, epochs: 1, batchSize: 8, warmupSteps: 0, loraR: 2, threads: 1 },
    });
    try {
      await training.prepare();
      for await (const step of training) expect(step.loss).toBeGreaterThan(0);
    } finally {
      await training.dispose();
    }
    const record = parse(await readFile(join(out, 'run.yaml'), 'utf8')) as object;
    expect(record).toMatchObject({ template: 'chat', template_args: { tone: 'calm' } });
    const adapter = JSON.parse(await readFile(join(out, 'adapter/prompt_template.json'), 'utf8')) as object;
    expect(adapter).toMatchObject({ template: 'chat', template_args: { tone: 'calm' } });

    // The judge refuses to open where its prompt reads otherwise than in training.
    const notes: Note[] = [];
    const settings = { maxTokens: 8, threads: 1, onNote: (note: Note) => void notes.push(note) };
    const judge = await openLocalJudge(out, settings);
    await judge.close();
    expect(notes.map(({ code, text }) => [code, text])).toEqual([
      ['JUDGE_UNTRUSTED', expect.stringContaining('was not tested')],
    ]);
    await writeFile(join(model, 'chat_template.jinja'), chat.replace('tone }}', 'tone }}!'));
    await expect(openLocalJudge(out, settings)).rejects.toThrow(
      /reads differently than when the judge was trained/,
    );
  });
});
