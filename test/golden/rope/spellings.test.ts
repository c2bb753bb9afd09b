// Every spelling of rope settings: the numbers of transformers, or a refusal that names the field.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { OnnxEngine, OptimizerSettings } from '../../../src/engine/index.ts';
import { defaultAdamW, defaultLora, openEngine } from '../../../src/engine/index.ts';
import { parseDecoderConfig } from '../../../src/models/index.ts';
import { failureOf } from '../../../src/models/model-files.test-helper.ts';
import { likelihood } from '../../../src/objectives/index.ts';
import { maxDifference, modelDir, toExample, toSequence } from '../golden.ts';

interface Row {
  readonly name: string;
  /** One of the goldens' models, whose rope fields are replaced by `fields`. */
  readonly model: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
interface Run extends Row {
  readonly sequences: { ids: number[]; response_start: number; logprobs: number[] }[];
  readonly generation?: { prompt: number[]; ids: number[] };
}
interface Refused extends Row {
  readonly refused: string;
}

const rows = JSON.parse(readFileSync(new URL('spellings.json', import.meta.url), 'utf8')) as (
  Run | Refused
)[];
const running = rows.filter((row): row is Run => 'sequences' in row);
const refused = rows.filter((row): row is Refused => 'refused' in row);

const ropeFields = [
  'rope_parameters',
  'rope_scaling',
  'rope_theta',
  'rope_local_base_freq',
  'partial_rotary_factor',
];

function configOf({ model, fields }: Row): Record<string, unknown> {
  const config = JSON.parse(readFileSync(join(modelDir(model), 'config.json'), 'utf8')) as object;
  const rest = Object.entries(config).filter(([name]) => !ropeFields.includes(name));
  return { ...Object.fromEntries(rest), ...fields };
}

const folders: string[] = [];
const engines: OnnxEngine[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function open(row: Row, options: Partial<Parameters<typeof openEngine>[0]> = {}): Promise<OnnxEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-rope-'));
  folders.push(folder);
  // Generation here ends by its length.
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...configOf(row), eos_token_id: null }));
  symlinkSync(join(modelDir(row.model), 'model.safetensors'), join(folder, 'model.safetensors'));
  const engine = await openEngine({ modelDir: folder, threads: 1, ...options });
  engines.push(engine);
  return engine;
}

const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };

describe('as transformers takes it', () => {
  it.each(running)('$name ($model)', async (row) => {
    const scores = await (await open(row)).score(row.sequences.map(toSequence));
    scores.forEach((logProbs, i) =>
      expect(maxDifference(logProbs, row.sequences[i]!.logprobs)).toBeLessThan(2e-4),
    );
  });

  it.each(running.filter(({ generation }) => generation))(
    '$name: generation with a cache, alone and beside others',
    async (row) => {
      const engine = await open(row);
      const { prompt, ids } = row.generation!;
      const request = (count: number) => ({
        prompt: Int32Array.from(prompt.slice(0, count)),
        sampling: { maxNewTokens: 16, temperature: 0 },
      });
      const [alone] = await engine.generate([request(prompt.length)]);
      expect([...alone!.ids]).toEqual(ids);
      const together = await engine.generate([request(3), request(prompt.length), request(7)]);
      expect([...together[1]!.ids]).toEqual(ids);
    },
  );

  it.each(running.filter(({ generation }) => generation))('$name: the training step', async (row) => {
    for (const wholeBatches of [true, false]) {
      const engine = await open(row, { wholeBatches, lora: { ...defaultLora, dropout: 0 } });
      const examples = row.sequences.map((plain, i) =>
        toExample({ plain: { ...plain, adapter_logprobs: [] }, judged: null }, i),
      );
      const { loss, gradNorm } = await engine.step(examples, likelihood({ includeRejected: true }), still);
      const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      const expected = -mean(row.sequences.map(({ logprobs }) => mean(logprobs)));
      expect(Math.abs(loss - expected)).toBeLessThan(2e-4);
      expect(gradNorm).toBeGreaterThan(0);
    }
  });
});

describe('refused by the field', () => {
  it.each(refused)('$name', async (row) => {
    const error = await failureOf(() => parseDecoderConfig(configOf(row)));
    expect(['MODEL_CONFIG', 'MODEL_UNSUPPORTED']).toContain(error.code);
    expect(error.place.field).toBe(row.refused);
  });

  it('a sequence past the original length of longrope, which would need its other factors', async () => {
    const row = running.find(({ name }) => name === 'longrope')!;
    const ids = Array.from({ length: 41 }, (_, i) => 6 + i);
    const error = await failureOf(async () =>
      (await open(row)).score([toSequence({ ids, response_start: 5 })]),
    );
    expect(error.code).toBe('ENGINE_SEQUENCE');
    expect(error.message).toMatch(/41 tokens is longer than the model's 40 positions/);
    expect(error.place.field).toBe('rope_scaling.original_max_position_embeddings');
  });
});

it('covers at least 24 spellings that run', () => {
  expect(running.length).toBeGreaterThanOrEqual(40);
  expect(new Set(running.map(({ name }) => name)).size).toBe(running.length);
});
