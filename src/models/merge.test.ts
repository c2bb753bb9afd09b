import { cp, mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { readDecoderConfig } from './config.ts';
import { openCheckpoint } from './checkpoint.ts';
import { loraScale } from './lora.ts';
import { mergeAdapter, saveModel } from './merge.ts';
import { readAdapter, writeAdapter } from './peft.ts';
import { readSafetensorsHeader, readTensorBytes, toFloat32 } from './safetensors.ts';
import type { StoredDType } from './safetensors.ts';

let folder: string;
let out: string;
let number = 0;
beforeAll(async () => (folder = await realpath(await mkdtemp(join(tmpdir(), 'whetstone-merge-')))));
beforeEach(() => (out = join(folder, `out-${number++}`)));
afterAll(() => rm(folder, { recursive: true, force: true }));

const adapterOf = (model: string): string => join(modelDir(model), 'adapter');

async function readWeights(
  dir: string,
): Promise<Map<string, { dtype: string; values: Float32Array; bytes: Uint8Array }>> {
  const { weights } = await openCheckpoint(dir);
  const found = new Map<string, { dtype: string; values: Float32Array; bytes: Uint8Array }>();
  for (const [name, stored] of weights) {
    const bytes = await readTensorBytes(stored.file, stored);
    const values = toFloat32(bytes, stored.dtype, { file: stored.file, field: name });
    found.set(name, { dtype: stored.dtype, values, bytes });
  }
  return found;
}

/** The distance to the next number of a dtype. */
const fractionBits: Record<string, number> = { F32: 23, F16: 10, BF16: 7 };
const smallestExponent: Record<string, number> = { F32: -126, F16: -14, BF16: -126 };
const spacing = (x: number, dtype: string): number =>
  2 ** (Math.max(smallestExponent[dtype]!, Math.floor(Math.log2(Math.abs(x)))) - fractionBits[dtype]!);

describe.each([
  ['llama3', 'F32'],
  ['qwen2', 'F32'],
  ['llama3-bf16-sharded', 'BF16'],
  ['mistral-fp16', 'F16'],
])('merging into %s', (model, dtype) => {
  it('rounds W + scale * B A to the stored dtype and copies every other tensor', async () => {
    const written = await mergeAdapter(modelDir(model), adapterOf(model), out);
    const [base, merged] = [await readWeights(modelDir(model)), await readWeights(out)];
    const { lora, tensors } = await readAdapter(adapterOf(model), await readDecoderConfig(modelDir(model)));
    expect([...merged.keys()].sort()).toEqual([...base.keys()].sort());
    let changed = 0;
    for (const [name, { bytes, values, dtype: baseDType }] of base) {
      const result = merged.get(name)!;
      expect(result.dtype).toBe(baseDType);
      const projection = name.replace(/\.weight$/, '');
      const a = tensors.get(`${projection}.lora_A.weight`);
      const b = tensors.get(`${projection}.lora_B.weight`);
      if (!a || !b) {
        expect(result.bytes).toEqual(bytes);
        continue;
      }
      changed++;
      expect(result.dtype).toBe(dtype);
      const [rank, columns] = a.shape as [number, number];
      values.forEach((w, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        let exact = w;
        for (let k = 0; k < rank; k++)
          exact += loraScale(lora) * b.data[row * rank + k]! * a.data[k * columns + column]!;
        // Half the spacing for the one rounding, a hair for the float32 sum before it.
        const allowed = spacing(exact, dtype) * (dtype === 'F32' ? 1 : 0.501);
        if (Math.abs(result.values[at]! - exact) > allowed)
          expect.unreachable(`${name}[${row}, ${column}] is ${result.values[at]}, expected ${exact}`);
      });
    }
    expect(changed).toBe(written.mergedProjections);
    expect(changed).toBe(tensors.size / 2);
  });

  it("has the base's shards, index, metadata and small files", async () => {
    const source = modelDir(model);
    const { files } = await openCheckpoint(source);
    const written = await mergeAdapter(source, adapterOf(model), out);
    expect(written.weightFiles.map((name) => join(source, name))).toEqual([...files]);
    for (const name of written.weightFiles) {
      const [before, after] = await Promise.all(
        [source, out].map((dir) => readSafetensorsHeader(join(dir, name))),
      );
      expect([...after!.tensors.keys()].sort()).toEqual([...before!.tensors.keys()].sort());
      expect(after!.metadata).toEqual(before!.metadata);
    }
    const index = 'model.safetensors.index.json';
    expect(await readFile(join(out, index)).catch(() => null)).toEqual(
      await readFile(join(source, index)).catch(() => null),
    );
    for (const name of ['config.json', 'generation_config.json'])
      expect(await readFile(join(out, name))).toEqual(await readFile(join(source, name)));
    expect(await readdir(out)).not.toContain('adapter');
    expect(await readdir(out)).not.toContain('gradients.safetensors');
  });
});

describe('the folder that is written', () => {
  const makeModel = async (name: string): Promise<string> => {
    const dir = join(folder, name);
    await mkdir(dir);
    for (const file of ['config.json', 'model.safetensors'])
      await cp(join(modelDir('llama2'), file), join(dir, file));
    return dir;
  };

  it('takes tokenizer, templates and licence along and leaves other formats of the weights', async () => {
    const dir = await makeModel('companions');
    const kept = [
      'LICENSE',
      'README.md',
      'chat_template.jinja',
      'tokenizer.json',
      'tokenizer.model',
      'vocab.txt',
    ];
    const left = [
      'adapter_config.json',
      'adapter_model.safetensors',
      'consolidated.00.pth',
      'flax_model.msgpack',
      'model-q4.gguf',
      'pytorch_model.bin',
      'pytorch_model.bin.index.json',
    ];
    for (const file of [...kept, ...left, '.gitattributes']) await writeFile(join(dir, file), file);
    await mkdir(join(dir, 'onnx'));
    await writeFile(join(dir, 'onnx', 'model.onnx'), '');
    await mkdir(join(dir, 'additional_chat_templates'));
    await writeFile(join(dir, 'additional_chat_templates', 'tools.jinja'), 'tools');
    const { copiedFiles, leftOutFiles } = await mergeAdapter(dir, adapterOf('llama2'), out);
    const copied = [...kept, 'additional_chat_templates/tools.jinja', 'config.json'].sort();
    expect(copiedFiles).toEqual(copied);
    expect(leftOutFiles).toEqual([...left, 'onnx/'].sort());
    const found = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(found.map(({ parentPath, name }) => join(parentPath, name).slice(out.length + 1)).sort()).toEqual(
      [...copied, 'model.safetensors'].sort(),
    );
    expect(await readFile(join(out, 'tokenizer.model'), 'utf8')).toBe('tokenizer.model');
  });

  it('holds files where the source, like a hub cache, has links', async () => {
    const dir = join(folder, 'links');
    await mkdir(dir);
    for (const name of ['config.json', 'model.safetensors']) {
      await cp(join(modelDir('llama2'), name), join(folder, `blob-of-${name}`));
      await symlink(join(folder, `blob-of-${name}`), join(dir, name));
    }
    await mergeAdapter(dir, adapterOf('llama2'), out);
    const entries = await readdir(out, { withFileTypes: true });
    expect(entries.map(({ name }) => name).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(entries.every((entry) => entry.isFile())).toBe(true);
  });

  it('refuses a folder that exists, even an empty one', async () => {
    await mkdir(out);
    await expect(mergeAdapter(modelDir('llama2'), adapterOf('llama2'), out)).rejects.toMatchObject({
      code: 'OUT_EXISTS',
    });
    expect(await readdir(out)).toEqual([]);
  });

  it('is looked at before it gets its name, and vanishes if the check fails', async () => {
    const seen: string[] = [];
    const check = async (dir: string): Promise<void> => {
      seen.push(...(await readdir(dir)));
      throw new Error('not good');
    };
    await expect(mergeAdapter(modelDir('llama2'), adapterOf('llama2'), out, { check })).rejects.toThrow(
      'not good',
    );
    expect(seen).toContain('model.safetensors');
    expect((await readdir(folder)).filter((name) => join(folder, name).startsWith(out))).toEqual([]);
  });

  it('reports progress up to its size', async () => {
    const steps: [number, number][] = [];
    const onProgress = (done: number, total: number): void => void steps.push([done, total]);
    await mergeAdapter(modelDir('llama2'), adapterOf('llama2'), out, { onProgress });
    expect(steps.at(-1)![0]).toBe(steps.at(-1)![1]);
    expect(steps.every(([done], i) => i === 0 || done > steps[i - 1]![0])).toBe(true);
  });

  it('never follows an index out of the model folder', async () => {
    const dir = await makeModel('escape');
    await rm(join(dir, 'model.safetensors'));
    const index = { weight_map: { 'model.norm.weight': '../escaped.safetensors' } };
    await writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify(index));
    await expect(mergeAdapter(dir, adapterOf('llama2'), out)).rejects.toMatchObject({
      code: 'MODEL_WEIGHTS',
    });
  });
});

describe('adapters that cannot be merged', () => {
  it('names the projection that the model lacks or that has another shape', async () => {
    await expect(mergeAdapter(modelDir('llama2'), adapterOf('gemma'), out)).rejects.toMatchObject({
      code: 'ADAPTER',
    });
    const adapter = await readAdapter(adapterOf('llama2'), { layers: 2 });
    const deeper = join(folder, 'deeper');
    const rename = (name: string): string => name.replace('layers.0.', 'layers.9.');
    const tensors = new Map([...adapter.tensors].map(([name, tensor]) => [rename(name), tensor]));
    await writeAdapter(deeper, { ...adapter, tensors });
    await expect(mergeAdapter(modelDir('llama2'), deeper, out)).rejects.toThrow(
      /no projection "model\.layers\.9\.mlp\.\w+_proj"/,
    );
  });

  it('refuses half a pair', async () => {
    const adapter = await readAdapter(adapterOf('llama2'), { layers: 2 });
    const half = join(folder, 'half');
    await writeAdapter(half, { ...adapter, tensors: new Map([...adapter.tensors].slice(1)) });
    await expect(mergeAdapter(modelDir('llama2'), half, out)).rejects.toThrow(/lora_[AB]\.weight" is missing/);
  });

  it("refuses a sum that overflows the base's dtype, and leaves nothing behind", async () => {
    const adapter = await readAdapter(adapterOf('mistral-fp16'), { layers: 2 });
    const huge = join(folder, 'huge');
    const blowUp = (name: string, data: Float32Array): Float32Array =>
      name.includes('lora_B') ? data.map((x) => x * 1e7) : data;
    const tensors = new Map(
      [...adapter.tensors].map(([name, { shape, data }]) => [name, { shape, data: blowUp(name, data) }]),
    );
    await writeAdapter(huge, { ...adapter, tensors });
    await expect(mergeAdapter(modelDir('mistral-fp16'), huge, out)).rejects.toMatchObject({
      code: 'WEIGHT_RANGE',
    });
    expect((await readdir(folder)).filter((name) => join(folder, name).startsWith(out))).toEqual([]);
  });
});

describe('saveModel', () => {
  const changedBy = async (model: string, change: number): Promise<Map<string, Float32Array>> =>
    new Map(
      [...(await readWeights(modelDir(model)))].map(([name, { values }]) => [
        name,
        values.map((x) => x + change),
      ]),
    );

  it('replaces tensors by name and copies the others', async () => {
    const [source, name] = [modelDir('llama3-bf16-sharded'), 'model.norm.weight'];
    const base = await readWeights(source);
    const norm = new Float32Array(base.get(name)!.values.length).fill(0.625);
    await saveModel(source, new Map([[name, norm]]), out);
    const saved = await readWeights(out);
    for (const [key, { bytes, dtype }] of base) {
      expect(saved.get(key)!.dtype).toBe(dtype);
      if (key === name) expect([...saved.get(key)!.values]).toEqual([...norm]);
      else expect(saved.get(key)!.bytes).toEqual(bytes);
    }
  });

  it.each<[string, StoredDType, string]>([
    ['llama3-bf16-sharded', 'F32', 'float32'],
    ['mistral-fp16', 'F32', 'float32'],
    ['llama3', 'BF16', 'bfloat16'],
  ])('stores %s as %s and says so in config.json and index', async (model, dtype, spelled) => {
    const tensors = await changedBy(model, 0.001);
    const [first] = [...tensors.keys()];
    tensors.delete(first!);
    await saveModel(modelDir(model), tensors, out, dtype);
    const [base, saved] = [await readWeights(modelDir(model)), await readWeights(out)];
    for (const [name, { values }] of saved) {
      expect(saved.get(name)!.dtype).toBe(dtype);
      const expected = tensors.get(name) ?? base.get(name)!.values;
      values.forEach((x, i) => {
        const allowed = dtype === 'F32' ? 0 : spacing(expected[i]!, dtype) / 2;
        if (Math.abs(x - expected[i]!) > allowed) expect.unreachable(`${name}[${i}]`);
      });
    }
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config.dtype ?? config.torch_dtype).toBe(spelled);
    expect('dtype' in config && 'torch_dtype' in config).toBe(false);
    const index = await readFile(join(out, 'model.safetensors.index.json'), 'utf8').catch(() => null);
    if (index !== null) {
      const bytes = [...saved.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
      const { metadata } = JSON.parse(index) as { metadata: { total_size: number } };
      expect(metadata.total_size).toBe(bytes);
    }
  });

  it('refuses names and sizes that the model does not have, and values that are not finite', async () => {
    const save = (name: string, values: Float32Array): Promise<unknown> =>
      saveModel(modelDir('llama2'), new Map([[name, values]]), out);
    await expect(save('model.nowhere.weight', new Float32Array(3))).rejects.toThrow(/is not there/);
    await expect(save('model.norm.weight', new Float32Array(3))).rejects.toThrow(
      /of 3 values cannot be saved: it has \d+/,
    );
    const size = (await readWeights(modelDir('llama2'))).get('model.norm.weight')!.values.length;
    await expect(save('model.norm.weight', new Float32Array(size).fill(NaN))).rejects.toMatchObject({
      code: 'WEIGHT_RANGE',
    });
  });
});
