// A model and its adapters as they are served: each adapter's own template, the makers' sampling, what is told at start.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Engine, MemoryParts } from '../engine/engine.ts';
import { generate } from '../generation/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { readGenerationFields } from './generation-fields.ts';
import { openModels } from './served-model.ts';

const world = fileURLToPath(new URL('../../models/world-64', import.meta.url));
let dir: string;
let model: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-served-'));
  model = join(dir, 'model');
  await cp(world, model, { recursive: true });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const odd = note('OWN_LM_HEAD', 'The head is its own.');
const estimateMemory = (): MemoryParts => ({
  ...{ weights: 1e6, state: 0, activations: 0 },
  ...{ head: 0, cache: 0, runtime: 0 },
});
/** Without weights; tells what an engine may tell of a model's folder. */
const openEngine = (): Promise<Engine> =>
  Promise.resolve({
    describe: () => ({ maxPositions: 512, vocabSize: 1097, notes: [odd] }),
    estimateMemory,
    dispose: () => Promise.resolve(),
  } as unknown as Engine);

async function writeAdapter(name: string, record: object | null): Promise<{ name: string; dir: string }> {
  const folder = join(dir, name);
  await mkdir(folder, { recursive: true });
  if (record) await writeFile(join(folder, 'prompt_template.json'), JSON.stringify(record));
  return { name, dir: folder };
}
const file = (plain: string): object => ({
  template: 'mine.json',
  strings: { plain, with_judgment: `${plain} {judgment}` },
});

it('asks each adapter with the template that it was trained with, and the model with its own', async () => {
  const adapters = [
    await writeAdapter('one', file('Question {instruction} Answer')),
    await writeAdapter('two', file('Please {instruction}')),
    await writeAdapter('three', { template: 'alpaca' }),
    await writeAdapter('four', null),
  ];
  const notes: Note[] = [];
  const served = await openModels({
    modelDir: model,
    adapters,
    openEngine,
    onNote: (each) => notes.push(each),
  });
  const asked = served.models.map(({ template }) => template.render({ instruction: 'Say river' }, null));
  expect(asked.slice(0, 2)).toEqual(['Question Say river Answer', 'Please Say river']);
  // Neither the adapter without a record nor the model has another than the usual one.
  expect(asked[2]).toContain('### Instruction:\nSay river');
  expect(asked.slice(3)).toEqual([asked[2], asked[2]]);
  // The engine of each adapter tells of the one model.
  expect(notes).toEqual([odd]);
  const told = await openModels({
    ...{ modelDir: model, adapters: adapters.slice(0, 1), openEngine },
    ...{ template: 'alpaca', onNote: (each: Note) => notes.push(each) },
  });
  expect(notes.map(({ code }) => code)).toEqual(['OWN_LM_HEAD', 'OTHER_TEMPLATE', 'OWN_LM_HEAD']);
  await Promise.all([served.dispose(), told.dispose()]);
});

it("samples as the model's makers do where a request says nothing, unless told not to", async () => {
  const config = { temperature: 0.6, top_p: 0.9, top_k: -1, min_p: 0.05, do_sample: true, eos_token_id: 1 };
  await writeFile(join(model, 'generation_config.json'), JSON.stringify(config));
  const notes: Note[] = [];
  const served = await openModels({ modelDir: model, openEngine, onNote: (each) => notes.push(each) });
  const [first] = served.models;
  expect(notes[0]).toMatchObject({ code: 'SAMPLING_DEFAULTS' });
  expect(notes[0]!.text).toContain('temperature 0.6, top_p 0.9, top_k 0, min_p 0.05');
  const usual = readGenerationFields({}, first!).sampling;
  expect(usual).toMatchObject({ temperature: 0.6, topP: 0.9, topK: 0, minP: 0.05, repetitionPenalty: 1 });
  const said = readGenerationFields({ temperature: 0, top_p: null, min_p: 0 }, first!).sampling;
  expect(said).toMatchObject({ temperature: 0, topP: 0.9, minP: 0 });
  const plain = await openModels({ modelDir: model, openEngine, generationConfig: 'none' });
  expect(readGenerationFields({}, plain.models[0]!).sampling).toMatchObject({
    temperature: 1,
    topP: 1,
    minP: 0,
  });
});

it('lets generate do so too where it is told to; what is said holds', async () => {
  const config = { temperature: 0.7, repetition_penalty: 1.2 };
  await writeFile(join(model, 'generation_config.json'), JSON.stringify(config));
  const seen: object[] = [];
  const engine = {
    generate: (requests: readonly { sampling: object }[]) => {
      seen.push(...requests.map(({ sampling }) => sampling));
      return Promise.resolve(requests.map(() => ({ ids: new Int32Array(0), finish: 'end' })));
    },
    describe: () => ({ maxPositions: 512, vocabSize: 1097 }),
    estimateMemory,
    dispose: () => Promise.resolve(),
  } as unknown as Engine;
  const run = async (more: object): Promise<void> => {
    const rows = generate({
      model,
      template: 'alpaca',
      instructions: ['a'],
      openEngine: () => Promise.resolve(engine),
      ...more,
    });
    for await (const row of rows) expect(row.index).toBe(0);
  };
  await run({});
  await run({ generationConfig: 'auto' });
  await run({ generationConfig: 'auto', temperature: 0, minP: 0.1 });
  expect(seen).toMatchObject([
    { temperature: 0, repetitionPenalty: 1 },
    { temperature: 0.7, repetitionPenalty: 1.2 },
    { temperature: 0, repetitionPenalty: 1.2, minP: 0.1 },
  ]);
});

it.each([
  ['temperature', -1],
  ['temperature', 'hot'],
  ['top_p', 1.5],
  ['top_k', 2.5],
  ['min_p', 2],
  ['repetition_penalty', 0],
])('refuses %s: %j in generation_config.json, by file and field', async (field, value) => {
  const path = join(model, 'generation_config.json');
  await writeFile(path, JSON.stringify({ [field]: value }));
  await expect(openModels({ modelDir: model, openEngine })).rejects.toMatchObject({
    code: 'MODEL_CONFIG',
    place: { file: path, field },
  });
  const served = await openModels({ modelDir: model, openEngine, generationConfig: 'none' });
  await served.dispose();
});
