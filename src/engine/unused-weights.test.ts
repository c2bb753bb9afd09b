// What a checkpoint holds beside the decoder's own weights changes nothing, whatever its values and dtypes.
import { expect, it } from 'vitest';
import type { GoldenSequence } from '../../test/golden/golden.ts';
import { maxDifference, modelDir, readJson, toSequence } from '../../test/golden/golden.ts';
import { copyModel, editTensors, temporaryFolders } from '../models/model-files.test-helper.ts';
import type { StoredTensor } from '../models/index.ts';
import { openEngine } from './onnx-engine.ts';

const newFolder = temporaryFolders();

it('old buffers and a stored copy of tied embeddings are neither checked, counted nor used', async () => {
  const dir = copyModel('llama3', newFolder());
  const f32 = (...values: number[]): StoredTensor => ({
    dtype: 'F32',
    shape: [values.length],
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  });
  await editTensors(dir, (tensors) => {
    tensors.set('lm_head.weight', tensors.get('model.embed_tokens.weight')!);
    tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', f32(1, 0.1, 0.01));
    tensors.set('model.causal_mask', f32(0, -Infinity));
    tensors.set('model.flags', { dtype: 'BOOL', shape: [3], bytes: Uint8Array.of(1, 0, 1) });
  });

  const golden = readJson<GoldenSequence[]>('llama3', 'sequences.json');
  const [plain, extended] = await Promise.all(
    [modelDir('llama3'), dir].map((modelDir) => openEngine({ modelDir, threads: 1 })),
  );
  const notes = [
    {
      code: 'UNUSED_WEIGHTS',
      text: 'The weights have 2 tensors, "model.causal_mask" among them, that a llama model of this config.json does not use.',
    },
  ];
  expect(plain!.describe().notes).toEqual([]);
  expect(extended!.describe()).toEqual({ ...plain!.describe(), notes });
  const scores = await extended!.score(golden.map(toSequence));
  scores.forEach((found, i) => expect(maxDifference(found, golden[i]!.logprobs)).toBeLessThan(2e-4));
  await Promise.all([plain!.dispose(), extended!.dispose()]);
});
