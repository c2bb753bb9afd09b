// Pretraining on a tiny model: it learns, leaves a whole folder or nothing, and repeats itself byte for byte.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { loadTemplate, loadTokenizer } from '../../src/tokens/index.ts';
import { assess } from './assess.ts';
import { modelCard } from './model-card.ts';
import type { PretrainProgress, PretrainSettings } from './pretrain.ts';
import { pretrain, pretrainDefaults } from './pretrain.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'whetstone-pretrain-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const settingsFor = (name: string): PretrainSettings => ({
  ...pretrainDefaults,
  ...{ hiddenSize: 16, intermediateSize: 32, layers: 2, heads: 2, tokens: 4000, batchTokens: 200 },
  ...{ learningRate: 1e-2, dtype: 'F16', out: join(folder, name) },
});

async function run(settings: PretrainSettings): Promise<PretrainProgress[]> {
  const found: PretrainProgress[] = [];
  for await (const progress of pretrain(settings)) found.push(progress);
  return found;
}

test('learns, and leaves a folder that can be asked', async () => {
  const settings = settingsFor('model');
  const steps = await run(settings);
  expect(steps.at(-1)!.tokens).toBeGreaterThanOrEqual(settings.tokens);
  expect(steps.at(-1)!.loss).toBeLessThan(0.8 * steps[0]!.loss);
  expect(Math.max(...steps.map(({ learningRate }) => learningRate))).toBeCloseTo(settings.learningRate, 3);
  expect(steps.at(-1)!.learningRate).toBeLessThan(0.05 * settings.learningRate);

  const tokenizer = await loadTokenizer(settings.out);
  const template = await loadTemplate(join(settings.out, 'template.json'), tokenizer);
  const engine = await openEngine({ modelDir: settings.out });
  try {
    expect(engine.describe()).toMatchObject({ modelType: 'llama', vocabSize: tokenizer.vocabSize });
    const assessment = await assess({ engine, tokenizer, template }, 20);
    const { satisfactory, typical } = assessment.overall;
    expect(satisfactory + typical).toBeLessThanOrEqual(1);
    const card = modelCard({
      ...{ settings, assessment, finalLoss: steps.at(-1)!.loss, last: steps.at(-1)! },
      ...{ command: 'whetstone world pretrain', parameters: engine.describe().parameters },
      ...{ vocabulary: tokenizer.vocabSize, versions: { whetstone: '0' } },
    });
    expect(card).toContain(`seed | ${settings.seed}`);
    expect(card).not.toMatch(/undefined|NaN/);
  } finally {
    await engine.dispose();
  }
});

test('gives the same bytes again, and other bytes with another seed', async () => {
  await run({ ...settingsFor('again'), tokens: 1000 });
  await run({ ...settingsFor('once more'), tokens: 1000 });
  await run({ ...settingsFor('other'), tokens: 1000, seed: 2 });
  const weights = (name: string): Promise<Buffer> => readFile(join(folder, name, 'model.safetensors'));
  expect((await weights('again')).equals(await weights('once more'))).toBe(true);
  expect((await weights('again')).equals(await weights('other'))).toBe(false);
});

test('leaves nothing behind where it is stopped', async () => {
  const abort = new AbortController();
  const before = await readdir(folder);
  await expect(async () => {
    for await (const { step } of pretrain(settingsFor('stopped'), abort.signal)) {
      if (step === 2) abort.abort();
    }
  }).rejects.toThrow();
  expect(await readdir(folder)).toEqual(before);
});
