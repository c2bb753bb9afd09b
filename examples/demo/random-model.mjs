// Builds a Hugging Face folder from nothing: a tokenizer trained on the given texts and a small Llama with random
// weights. It knows the format; it does not know what the model is for.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromFloat32, writeSafetensors } from 'whetstone/models';
import { trainTokenizer, writeTokenizer } from 'whetstone/tokens';

const shape = { hidden: 64, mlp: 192, layers: 3, heads: 4, kvHeads: 2, headDim: 16 };

/** Writes the folder and returns how many parameters and tokens it has. The same texts give the same bytes. */
export async function writeRandomModel(dir, texts, { vocabSize = 600, seed = 1 } = {}) {
  await mkdir(dir, { recursive: true });
  const trained = trainTokenizer(texts, { vocabSize });
  await writeTokenizer(dir, trained);
  const vocabulary = Object.keys(JSON.parse(trained.tokenizerJson).model.vocab).length;
  await writeFile(join(dir, 'config.json'), `${JSON.stringify(configOf(vocabulary), null, 2)}\n`);

  const normal = normalNumbers(seed);
  const tensors = new Map();
  let parameters = 0;
  const add = (name, dims, valueOf) => {
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, valueOf);
    const bytes = fromFloat32(values, 'F32');
    tensors.set(name, { dtype: 'F32', shape: dims, length: bytes.length, chunks: () => [bytes] });
    parameters += values.length;
  };
  const matrix = (name, rows, columns) => add(name, [rows, columns], () => normal() / Math.sqrt(columns));
  const norm = (name) => add(name, [shape.hidden], () => 1);

  const { hidden, mlp, layers, heads, kvHeads, headDim } = shape;
  matrix('model.embed_tokens.weight', vocabulary, hidden);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    norm(`${at}.input_layernorm.weight`);
    matrix(`${at}.self_attn.q_proj.weight`, heads * headDim, hidden);
    matrix(`${at}.self_attn.k_proj.weight`, kvHeads * headDim, hidden);
    matrix(`${at}.self_attn.v_proj.weight`, kvHeads * headDim, hidden);
    matrix(`${at}.self_attn.o_proj.weight`, hidden, heads * headDim);
    norm(`${at}.post_attention_layernorm.weight`);
    matrix(`${at}.mlp.gate_proj.weight`, mlp, hidden);
    matrix(`${at}.mlp.up_proj.weight`, mlp, hidden);
    matrix(`${at}.mlp.down_proj.weight`, hidden, mlp);
  }
  norm('model.norm.weight');
  matrix('lm_head.weight', vocabulary, hidden);
  await writeSafetensors(join(dir, 'model.safetensors'), tensors, { format: 'pt' });
  return { parameters, vocabulary };
}

// Ids 0 and 1 are the begin and end tokens: the tokenizer trainer numbers its special tokens first.
const configOf = (vocabulary) => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: shape.hidden,
  intermediate_size: shape.mlp,
  num_hidden_layers: shape.layers,
  num_attention_heads: shape.heads,
  num_key_value_heads: shape.kvHeads,
  head_dim: shape.headDim,
  max_position_embeddings: 1024,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'float32',
});

/** Standard normal numbers (Box and Muller 1958) from a seeded generator (mulberry32). */
function normalNumbers(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (((z ^ (z >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
