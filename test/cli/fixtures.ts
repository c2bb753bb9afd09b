// A tiny model folder and a judged file, made on the spot from a seed: random weights, a tokenizer trained on
// the rows. Small enough that a run takes seconds.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../src/judgments/index.ts';
import { trainTokenizer, writeTokenizer } from '../../src/tokens/train-tokenizer.ts';

export interface JudgedRow {
  readonly instruction: string;
  readonly output: string;
  readonly judgment: string | null;
}

const fruits = ['apple', 'pear', 'plum', 'quince', 'cherry', 'fig', 'grape'];
const places = ['the market', 'a garden', 'the kitchen', 'an orchard', 'the cellar'];

/** Rows of varied length; every third one satisfactory. */
export function judgedRows(count: number): JudgedRow[] {
  return Array.from({ length: count }, (_, i) => {
    const fruit = fruits[i % fruits.length]!;
    const place = places[i % places.length]!;
    return {
      instruction: `Say in one sentence where a ${fruit} was found, number ${i}.`,
      output: `The ${fruit} was found in ${place}${' and it was ripe'.repeat(i % 3)}.`,
      judgment: i % 3 === 0 ? null : `It was not ${place}, so the place is wrong.`,
    };
  });
}

export async function writeJsonl(path: string, rows: readonly object[]): Promise<void> {
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

const hidden = 16;
const inner = 24;
/** Layers of the tiny model. */
export const tinyLayers = 2;
const heads = 2;

/** Writes a Llama of about 10,000 weights with its tokenizer. */
export async function writeTinyModel(dir: string, seed = 7): Promise<void> {
  await mkdir(dir, { recursive: true });
  const texts = judgedRows(35).flatMap(({ instruction, output, judgment }) => [
    instruction,
    output,
    judgment ?? '',
  ]);
  await writeTokenizer(dir, trainTokenizer(texts, { vocabSize: 320 }));
  const vocab = 320;
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: tinyLayers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 512,
    vocab_size: vocab,
    tie_word_embeddings: true,
    bos_token_id: 0,
    eos_token_id: 1,
    torch_dtype: 'float32',
  };
  await writeFile(join(dir, 'config.json'), JSON.stringify(config, null, 2));
  const shapes: Record<string, readonly number[]> = {
    'model.embed_tokens.weight': [vocab, hidden],
    'model.norm.weight': [hidden],
  };
  for (let layer = 0; layer < tinyLayers; layer++) {
    const at = `model.layers.${layer}`;
    for (const name of ['q', 'k', 'v', 'o']) shapes[`${at}.self_attn.${name}_proj.weight`] = [hidden, hidden];
    shapes[`${at}.mlp.gate_proj.weight`] = [inner, hidden];
    shapes[`${at}.mlp.up_proj.weight`] = [inner, hidden];
    shapes[`${at}.mlp.down_proj.weight`] = [hidden, inner];
    shapes[`${at}.input_layernorm.weight`] = [hidden];
    shapes[`${at}.post_attention_layernorm.weight`] = [hidden];
  }
  await writeFile(join(dir, 'model.safetensors'), randomSafetensors(shapes, seed));
}

function randomSafetensors(shapes: Readonly<Record<string, readonly number[]>>, seed: number): Buffer {
  const header: Record<string, object> = {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [stream, [name, shape]] of Object.entries(shapes).entries()) {
    const random = createRandom(seed, 77, stream);
    const length = shape.reduce((product, side) => product * side, 1);
    // Norms are near 1, matrices of the usual scale for their width.
    const values = Float32Array.from({ length }, () =>
      shape.length === 1
        ? 1 + 0.1 * (random.float() - 0.5)
        : (2 * (random.float() - 0.5)) / Math.sqrt(shape[1]! / 3),
    );
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
    parts.push(Buffer.from(values.buffer));
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([prefix, padded, ...parts]);
}
