// config.json and weights held to each other: layers, tied embeddings, and what that does to the numbers.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GoldenSequence } from '../../test/golden/golden.ts';
import { maxDifference, readJson, toSequence } from '../../test/golden/golden.ts';
import { openEngine } from '../engine/index.ts';
import { copyModel, editJson, editTensors, failureOf, temporaryFolders } from './model-files.test-helper.ts';
import { mergeAdapter } from './merge.ts';
import { readModelFolder } from './read-model.ts';
import type { StoredTensor } from './safetensors.ts';
import { fromFloat32, toFloat32 } from './safetensors.ts';

const newFolder = temporaryFolders();
const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];

async function changed(
  model: string,
  json: Record<string, unknown>,
  change: (tensors: Map<string, StoredTensor>) => void = () => {},
): Promise<string> {
  const dir = copyModel(model, newFolder());
  editJson(join(dir, 'config.json'), (config) => Object.assign(config, json));
  await editTensors(dir, change);
  return dir;
}

/** Largest difference of the token log-probs from those of transformers for golden `model`; notes. */
async function compare(dir: string, model: string): Promise<{ off: number; notes: readonly string[] }> {
  const golden = readJson<GoldenSequence[]>(model, 'sequences.json');
  const engine = await openEngine({ modelDir: dir, threads: 1 });
  const scores = await engine.score(golden.map(toSequence));
  const { notes = [] } = engine.describe();
  await engine.dispose();
  return { off: Math.max(...scores.map((s, i) => maxDifference(s, golden[i]!.logprobs))), notes: notes.map(({ text }) => text) };
}

describe('a head that config.json ties to the embeddings', () => {
  it('is used for itself where the weights have another one, as transformers 5 does, with a note', async () => {
    const { off, notes } = await compare(await changed('llama2', { tie_word_embeddings: true }), 'llama2');
    expect(off).toBeLessThan(2e-4);
    expect(notes).toEqual([
      'config.json ties lm_head.weight to the embeddings, but the weights have one of its own, which is used. ' +
        'Write "tie_word_embeddings": false into config.json to say so.',
    ]);
  });

  it('differs even where only its last number does', async () => {
    const dir = await changed('qwen2', {}, (tensors) => {
      const { bytes, ...rest } = tensors.get(embedding)!;
      const other = bytes.slice();
      other[other.length - 2]! ^= 1;
      tensors.set(head, { ...rest, bytes: other });
    });
    expect((await readModelFolder(dir)).config.tiedEmbeddings).toBe(false);
  });

  it('stays tied where it is a copy', async () => {
    const dir = await changed('qwen2', {}, (tensors) => tensors.set(head, tensors.get(embedding)!));
    expect((await readModelFolder(dir)).config.tiedEmbeddings).toBe(true);
    const { off, notes } = await compare(dir, 'qwen2');
    expect(off).toBeLessThan(2e-4);
    expect(notes).toEqual([]);
  });

  it('stays tied where it is a copy in another dtype, and only then', async () => {
    const inHalf = async (change: (values: Float32Array) => void): Promise<string> =>
      changed('qwen2', {}, (tensors) => {
        const { bytes, shape } = tensors.get(embedding)!;
        const halves = fromFloat32(toFloat32(bytes.slice(), 'F32', { file: '', field: '' }), 'BF16');
        const rounded = toFloat32(halves.slice(), 'BF16', { file: '', field: '' });
        tensors.set(embedding, { dtype: 'BF16', shape, bytes: halves });
        change(rounded);
        tensors.set(head, { dtype: 'F32', shape, bytes: new Uint8Array(rounded.buffer) });
      });
    expect((await readModelFolder(await inHalf(() => {}))).config.tiedEmbeddings).toBe(true);
    const other = await inHalf((values) => (values[values.length - 1]! += 1));
    expect((await readModelFolder(other)).config.tiedEmbeddings).toBe(false);
  });

  it('is both matrices where the embeddings are not stored', async () => {
    const dir = await changed('qwen2', {}, (tensors) => {
      tensors.set(head, tensors.get(embedding)!);
      tensors.delete(embedding);
    });
    expect((await compare(dir, 'qwen2')).off).toBeLessThan(2e-4);
  });

  it('stays its own in a merged model', async () => {
    const dir = await changed('llama2', { tie_word_embeddings: true });
    const out = join(newFolder(), 'merged');
    await mergeAdapter(dir, join(dir, 'adapter'), out);
    const golden = readJson<GoldenSequence[]>('llama2', 'sequences.json');
    const engine = await openEngine({ modelDir: out, threads: 1 });
    const scores = await engine.score(golden.map(toSequence));
    await engine.dispose();
    scores.forEach((s, i) => expect(maxDifference(s, golden[i]!.adapter_logprobs)).toBeLessThan(2e-4));
  });
});

describe('layers', () => {
  it.each([
    [1, 'llama2', 2],
    [1, 'qwen3', 2],
    [2, 'llama-linear', 3],
  ])('a config that asks for %i of the layers of %s is refused', async (layers, model, stored) => {
    const dir = await changed(model, { num_hidden_layers: layers, layer_types: null });
    const error = await failureOf(() => readModelFolder(dir));
    expect([error.code, error.place]).toEqual([
      'MODEL_CONFIG',
      { file: join(dir, 'config.json'), field: 'num_hidden_layers' },
    ]);
    expect(error.message).toMatch(
      new RegExp(`is ${layers}, but the weights have ${stored} layers \\("model\\.layers\\.${stored - 1}\\.`),
    );
    expect(error.hint).toMatch(new RegExp(`^Write ${stored}`));
  });

  it('one that asks for more names the first tensor that is not there', async () => {
    const dir = await changed('llama2', { num_hidden_layers: 5000 });
    const error = await failureOf(() => openEngine({ modelDir: dir }));
    expect(error.message).toMatch(/tensor "model\.layers\.2\.\S+" is in none of the checkpoint's files/);
  });

  it('only numbers count', async () => {
    const dir = await changed('llama2', {}, (tensors) => {
      const one = tensors.get('model.norm.weight')!;
      for (const name of ['model.layers.x.norm', 'model.layers.99999999999.norm', 'other.layers.7.norm'])
        tensors.set(name, one);
    });
    expect((await readModelFolder(dir)).config.layers).toBe(2);
  });
});

it('biases that config.json does not ask for are told of', async () => {
  const dir = await changed('qwen2', { model_type: 'llama' });
  const { notes } = await compare(dir, 'qwen2');
  expect(notes).toEqual([
    'The weights have 6 tensors, "model.layers.0.self_attn.k_proj.bias" among them, that a llama model of this ' +
      'config.json does not use.',
  ]);
});
