// Writes a Llama with random weights as a Hugging Face folder, for training from nothing.
// Knows the format and transformers' initialization; tokenizer files are somebody else's.
import { join } from 'node:path';
import { explainWriting } from '../durable/explain.ts';
import { makeFolder, writeFileDurably } from '../durable/files.ts';
import { createRandom } from '../random.ts';
import { embeddingName } from './decoder.ts';
import { fromFloat32 } from './safetensors.ts';
import type { TensorSource } from './safetensors-writer.ts';
import { writeSafetensors } from './safetensors-writer.ts';

/** Shape of a Llama whose embeddings and LM head are one matrix. */
export interface FreshLlama {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number;
  readonly padTokenId: number | null;
  /** Standard deviation of the initial matrices; transformers' default is 0.02. */
  readonly initializerRange: number;
}

/**
 * Writes config.json, generation_config.json and model.safetensors (float32): matrices normal with mean 0, norms 1.
 * The same seed gives the same bytes. Returns the number of parameters; throws if the weights' file exists.
 */
export async function writeFreshLlama(dir: string, shape: FreshLlama, seed: number): Promise<number> {
  await makeFolder(dir);
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  await writeFileDurably(join(dir, 'config.json'), json(configOf(shape)));
  const { bosTokenId, eosTokenId, padTokenId } = shape;
  await writeFileDurably(
    join(dir, 'generation_config.json'),
    json({ bos_token_id: bosTokenId, eos_token_id: eosTokenId, pad_token_id: padTokenId, do_sample: false }),
  );
  const tensors = new Map<string, TensorSource>();
  let parameters = 0;
  shapesOf(shape).forEach(([name, dims], i) => {
    const size = dims.reduce((a, b) => a * b);
    const normal = normalNumbers(seed, i);
    const values = Float32Array.from({ length: size }, () =>
      dims.length === 1 ? 1 : normal() * shape.initializerRange,
    );
    const bytes = fromFloat32(values, 'F32');
    tensors.set(name, { dtype: 'F32', shape: dims, length: bytes.length, chunks: () => [bytes] });
    parameters += size;
  });
  const file = join(dir, 'model.safetensors');
  await explainWriting(file, () => writeSafetensors(file, tensors, { format: 'pt' }));
  return parameters;
}

function shapesOf(shape: FreshLlama): [string, number[]][] {
  const { hiddenSize: hidden, intermediateSize: mlp, heads, kvHeads } = shape;
  const keys = (hidden / heads) * kvHeads;
  const layer = (at: string): [string, number[]][] => [
    [`${at}.input_layernorm.weight`, [hidden]],
    [`${at}.self_attn.q_proj.weight`, [hidden, hidden]],
    [`${at}.self_attn.k_proj.weight`, [keys, hidden]],
    [`${at}.self_attn.v_proj.weight`, [keys, hidden]],
    [`${at}.self_attn.o_proj.weight`, [hidden, hidden]],
    [`${at}.post_attention_layernorm.weight`, [hidden]],
    [`${at}.mlp.gate_proj.weight`, [mlp, hidden]],
    [`${at}.mlp.up_proj.weight`, [mlp, hidden]],
    [`${at}.mlp.down_proj.weight`, [hidden, mlp]],
  ];
  return [
    [embeddingName, [shape.vocabSize, hidden]],
    ...Array.from({ length: shape.layers }, (_, i) => layer(`model.layers.${i}`)).flat(),
    ['model.norm.weight', [hidden]],
  ];
}

const configOf = (shape: FreshLlama): Record<string, unknown> => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: shape.vocabSize,
  hidden_size: shape.hiddenSize,
  intermediate_size: shape.intermediateSize,
  num_hidden_layers: shape.layers,
  num_attention_heads: shape.heads,
  num_key_value_heads: shape.kvHeads,
  head_dim: shape.hiddenSize / shape.heads,
  max_position_embeddings: shape.maxPositions,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: true,
  initializer_range: shape.initializerRange,
  bos_token_id: shape.bosTokenId,
  eos_token_id: shape.eosTokenId,
  pad_token_id: shape.padTokenId,
  torch_dtype: 'float32',
});

/** Standard normal numbers (Box and Muller 1958) from a named stream. */
function normalNumbers(seed: number, stream: number): () => number {
  const random = createRandom(seed, stream);
  return () => Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}
