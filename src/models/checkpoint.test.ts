// Checkpoints on disk: single, sharded, linked into another folder, incomplete.
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GoldenSequence } from '../../test/golden/golden.ts';
import { maxDifference, modelDir, readJson, toSequence } from '../../test/golden/golden.ts';
import { openEngine } from '../engine/index.ts';
import { locationOf, openCheckpoint } from './checkpoint.ts';
import {
  copyModel,
  editJson,
  editTensors,
  failureOf,
  rawSafetensors,
  temporaryFolders,
} from './model-files.test-helper.ts';
import type { StoredTensor } from './safetensors.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const newFolder = temporaryFolders();
const sharded = 'llama3-bf16-sharded';
const index = 'model.safetensors.index.json';

/** Scores the golden sequences of a model with the weights in `dir`. */
async function scoresOf(dir: string, model: string): Promise<number> {
  const golden = readJson<GoldenSequence[]>(model, 'sequences.json');
  const engine = await openEngine({ modelDir: dir, threads: 1 });
  try {
    const scores = await engine.score(golden.map(toSequence));
    return Math.max(...scores.map((s, i) => maxDifference(s, golden[i]!.logprobs)));
  } finally {
    await engine.dispose();
  }
}

/** Moves every file into `blobs` under a hash-like name without an ending, and links to it, as a hub cache does. */
function intoHubCache(model: string): string {
  const repository = newFolder();
  const snapshot = join(repository, 'snapshots', 'abc123');
  const blobs = join(repository, 'blobs');
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(blobs);
  copyModel(model, snapshot);
  for (const [i, name] of readdirSync(snapshot)
    .filter((n) => n.includes('.'))
    .entries()) {
    const blob = `0123456789abcdef${i}`;
    renameSync(join(snapshot, name), join(blobs, blob));
    symlinkSync(join('..', '..', 'blobs', blob), join(snapshot, name));
  }
  return snapshot;
}

describe('a complete checkpoint', () => {
  it.each(['llama3', sharded, 'mistral-fp16'])('knows every tensor, and where: %s', async (model) => {
    const checkpoint = await openCheckpoint(modelDir(model));
    expect(checkpoint.weights.size).toBeGreaterThan(10);
    for (const [name, stored] of checkpoint.weights) {
      const { tensors } = await readSafetensorsHeader(join(checkpoint.root, locationOf(checkpoint, stored)));
      expect(tensors.get(name)).toMatchObject({ offset: stored.offset, length: stored.length });
    }
  });

  it.each(['llama3', sharded])(
    'scores from a hub cache, whose files are links to blobs: %s',
    async (model) => {
      const snapshot = intoHubCache(model);
      const checkpoint = await openCheckpoint(snapshot);
      expect(basename(checkpoint.root)).toBe('blobs');
      expect(await scoresOf(snapshot, model)).toBeLessThan(2e-4);
    },
  );

  it('scores where only some shards are links, below the folder that holds them all', async () => {
    const snapshot = intoHubCache(sharded);
    const shard = readdirSync(snapshot).find((name) => name.startsWith('model-00002'))!;
    const bytes = readFileSync(join(snapshot, shard));
    rmSync(join(snapshot, shard));
    writeFileSync(join(snapshot, shard), bytes);
    expect((await openCheckpoint(snapshot)).files.map((file) => basename(join(file, '..'))).sort()).toEqual([
      'abc123',
      'blobs',
      'blobs',
    ]);
    expect(await scoresOf(snapshot, sharded)).toBeLessThan(2e-4);
  });

  it('reads a single file where an index was left beside it, as transformers does', async () => {
    const dir = copyModel('llama3', newFolder());
    writeFileSync(join(dir, index), JSON.stringify({ weight_map: { x: 'gone.safetensors' } }));
    expect(await scoresOf(dir, 'llama3')).toBeLessThan(2e-4);
  });

  it('scores weights that lie at odd offsets', async () => {
    const dir = copyModel('llama3', newFolder());
    const file = join(dir, 'model.safetensors');
    const bytes = readFileSync(file);
    const headerBytes = Number(bytes.readBigUInt64LE());
    const header = bytes
      .subarray(8, 8 + headerBytes)
      .toString()
      .trimEnd();
    // One space less or more than a multiple of 4.
    const odd = header + ' '.repeat((5 - (Buffer.byteLength(header) % 4)) % 4);
    writeFileSync(file, rawSafetensors(odd, bytes.subarray(8 + headerBytes)));
    const { weights } = await openCheckpoint(dir);
    expect([...weights.values()].every(({ offset }) => offset % 4 === 1)).toBe(true);
    expect(await scoresOf(dir, 'llama3')).toBeLessThan(2e-4);
  });
});

describe('an incomplete one is refused by name', () => {
  it('no weights at all', async () => {
    const dir = newFolder();
    const error = await failureOf(() => openCheckpoint(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', join(dir, 'model.safetensors')]);
    expect(error.message).toMatch(/is missing/);
  });

  it('a shard that the index names', async () => {
    const dir = copyModel(sharded, newFolder());
    const shard = join(dir, 'model-00002-of-00003.safetensors');
    rmSync(shard);
    const error = await failureOf(() => openCheckpoint(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', shard]);
    expect(error.message).toMatch(/is missing/);
  });

  it('a link to a blob that was never downloaded, a folder in place of a file', async () => {
    const dir = newFolder();
    symlinkSync('../blobs/none', join(dir, 'model.safetensors'));
    expect((await failureOf(() => openCheckpoint(dir))).code).toBe('MODEL_WEIGHTS');
    const other = newFolder();
    mkdirSync(join(other, 'model.safetensors'));
    expect((await failureOf(() => openCheckpoint(other))).message).toMatch(/is not a file/);
  });

  it('a shard that was cut off', async () => {
    const dir = copyModel(sharded, newFolder());
    const shard = join(dir, 'model-00003-of-00003.safetensors');
    writeFileSync(shard, readFileSync(shard).subarray(0, -100));
    const error = await failureOf(() => openCheckpoint(dir));
    expect([error.code, error.place.file]).toEqual(['SAFETENSORS', shard]);
    expect(error.message).toMatch(/ends at byte \d+, but tensor "/);
  });

  it.each([
    ['not JSON', '{'],
    ['null', 'null'],
    ['without a map', '{}'],
    ['with a list for a map', '{"weight_map": ["model.safetensors"]}'],
    ['with an empty map', '{"weight_map": {}}'],
  ])('an index that is %s', async (_, text) => {
    const dir = copyModel(sharded, newFolder());
    writeFileSync(join(dir, index), text);
    const error = await failureOf(() => openCheckpoint(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', join(dir, index)]);
  });

  it('an index with a byte order mark is read as it is without', async () => {
    const dir = copyModel(sharded, newFolder());
    writeFileSync(join(dir, index), `\ufeff${readFileSync(join(dir, index), 'utf8')}`);
    expect((await openCheckpoint(dir)).files).toHaveLength(3);
  });

  it('links that lead in a circle, and an index that is a folder', async () => {
    const dir = newFolder();
    symlinkSync('model.safetensors', join(dir, 'model.safetensors'));
    const circle = await failureOf(() => openCheckpoint(dir));
    expect(circle.message).toMatch(/model\.safetensors: cannot be read: the path runs in a circle/);
    mkdirSync(join(dir, index));
    expect((await failureOf(() => openCheckpoint(dir))).message).toMatch(/index\.json: cannot be read: a folder is there/);
  });

  it('an index that leads out of the folder', async () => {
    const dir = copyModel(sharded, newFolder());
    for (const name of ['../elsewhere.safetensors', 'pytorch_model.bin', '/etc/passwd', 7]) {
      editJson(join(dir, index), (json) => (json.weight_map = { 'model.norm.weight': name }));
      const error = await failureOf(() => openCheckpoint(dir));
      expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', join(dir, index)]);
    }
  });
});

describe('weights that do not fit config.json are refused by name', () => {
  async function rewrite(change: (tensors: Map<string, StoredTensor>) => void): Promise<string> {
    const dir = copyModel('llama2', newFolder());
    await editTensors(dir, change);
    return dir;
  }
  const failureOfScoring = async (dir: string): ReturnType<typeof failureOf> =>
    failureOf(() => scoresOf(dir, 'llama2'));
  const name = 'model.layers.1.mlp.up_proj.weight';

  it('a tensor that is missing', async () => {
    const error = await failureOfScoring(await rewrite((tensors) => tensors.delete(name)));
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.message).toContain(`tensor "${name}" is in none of the checkpoint's files`);
  });

  it('a tensor of another shape', async () => {
    const dir = await rewrite((tensors) => {
      const { shape, ...rest } = tensors.get(name)!;
      tensors.set(name, { ...rest, shape: [...shape].reverse() });
    });
    const error = await failureOfScoring(dir);
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.place.file).toContain('model.safetensors');
    expect(error.message).toMatch(
      new RegExp(`tensor "${name}" is \\[\\d+, \\d+\\]; config.json asks for \\[\\d+, \\d+\\]`),
    );
  });

  it('a tensor of a dtype that no decoder has', async () => {
    const dir = await rewrite((tensors) => {
      const { shape } = tensors.get(name)!;
      const count = shape.reduce((a, b) => a * b, 1);
      tensors.set(name, { dtype: 'I8', shape, bytes: new Uint8Array(count) });
    });
    const error = await failureOfScoring(dir);
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.message).toMatch(/has dtype I8; supported are F32, F16 and BF16/);
    expect(error.hint).toMatch(/quantized/);
  });

  it.each([
    ['_orig_mod.', /without its wrapper, or take "_orig_mod\." out/],
    ['_orig_mod._fsdp_wrapped_module.', /take "_orig_mod\." and "_fsdp_wrapped_module\." out/],
    ['module.', /take "module\." out/],
    ['transformer.', /Rename the tensors as transformers names them: this one to "model\.embed_tokens\.weight"/],
  ])('tensors whose names begin with %s', async (prefix, hint) => {
    const dir = await rewrite((tensors) => {
      for (const [key, tensor] of [...tensors]) {
        tensors.delete(key);
        tensors.set(prefix + key, tensor);
      }
    });
    const error = await failureOfScoring(dir);
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.message).toContain(
      `"model.embed_tokens.weight" is in none of the checkpoint's files; "${prefix}model.embed_tokens.weight" is there`,
    );
    expect(error.hint).toMatch(hint);
  });

  it.each([
    ['model.layers.1.mlp._fsdp_wrapped_module.up_proj.weight', /take "_fsdp_wrapped_module\." out/],
    ['model.layers.1.mlp.up_proj.base_layer.weight', /take "base_layer\." out/],
    ['model.layers.1.mlp.up_proj.qweight', /look quantized/],
    ['model.layers.1.mlp.up_proj.weight_packed', /look quantized/],
    ['layers.1.mlp.up_proj.weight', /Rename the tensors/],
  ])('a tensor that is called %s', async (key, hint) => {
    const dir = await rewrite((tensors) => {
      tensors.set(key, tensors.get(name)!);
      tensors.delete(name);
    });
    const error = await failureOfScoring(dir);
    expect(error.message).toContain(`"${name}" is in none of the checkpoint's files; "${key}" is there`);
    expect(error.hint).toMatch(hint);
  });
});
