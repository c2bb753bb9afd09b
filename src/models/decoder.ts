// The decoder: from token ids to hidden states, as one traced function for every family.
// Knows the architecture; where weights come from and how rows attend is given to it.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  add,
  gatherRows,
  geluTanh,
  linear,
  mul,
  reshape,
  rmsNorm,
  rotary,
  silu,
  constant,
} from '../graph/index.ts';
import type { DecoderConfig } from './config.ts';
import { gatedUnit } from './gated-unit.ts';
import { kept } from './lora.ts';
import type { Heads } from './attention.ts';
import type { Weights } from './weights.ts';
import { rotaryTables } from './rope.ts';

/** Names that checkpoints have for the matrices before and after the layers. */
export const embeddingName = 'model.embed_tokens.weight';
export const headName = 'lm_head.weight';

/** How the packed rows of one call attend to each other: [rows, heads * headDim] in and out. */
export type Attend = (layer: number, heads: Heads) => Tensor;

export interface DecoderInput {
  /** int32 [rows]: tokens of all sequences, one after the other. */
  readonly ids: Tensor;
  /** int32 [rows]: position of each token within its sequence. */
  readonly positions: Tensor;
  /**
   * int32 [outputs] or null for all: the rows whose hidden state is wanted. The last layer's output projection
   * and MLP, and the final norm, run on these alone.
   */
  readonly outputRows: Tensor | null;
}

/** Final hidden states [outputs, hiddenSize], normed and ready for the LM head. */
export function decode(config: DecoderConfig, weights: Weights, input: DecoderInput, attend: Attend): Tensor {
  const { headDim, normEpsilon } = config;
  const { cos, sin } = rotaryTables(config, input.positions);
  const first = constant([0], 'int64');
  const norm = (x: Tensor, name: string): Tensor => {
    const w = weights.vector(name, x.shape.at(-1) as number);
    return rmsNorm(x, config.normOffset === 0 ? w : add(w, config.normOffset), normEpsilon);
  };
  const headNorm = (x: Tensor, name: string): Tensor => {
    if (!config.qkNorm) return x;
    const [rows, width] = x.shape as [Dim, number];
    return reshape(norm(reshape(x, [rows, width / headDim, headDim]), name), x.shape);
  };
  const rotate = (x: Tensor): Tensor => {
    const [rows, width] = x.shape as [Dim, number];
    return reshape(rotary(reshape(x, [1, rows, width]), cos, sin, first, width / headDim), x.shape);
  };
  const activate = config.activation === 'silu' ? silu : geluTanh;

  const embedding = weights.matrix(embeddingName, config.vocabSize, config.hiddenSize);
  let x = gatherRows(embedding, input.ids);
  if (config.embeddingScale !== 1) x = mul(x, config.embeddingScale);

  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, `${at}.input_layernorm.weight`);
    const project = (name: string, heads: number): Tensor =>
      weights.project(kept(h), `${at}.self_attn.${name}`, config.hiddenSize, heads * headDim, config.qkvBias);
    let mixed = attend(layer, {
      query: rotate(headNorm(project('q_proj', config.heads), `${at}.self_attn.q_norm.weight`)),
      key: rotate(headNorm(project('k_proj', config.kvHeads), `${at}.self_attn.k_norm.weight`)),
      value: project('v_proj', config.kvHeads),
    });
    if (layer === config.layers - 1 && input.outputRows) {
      mixed = gatherRows(mixed, input.outputRows);
      x = gatherRows(x, input.outputRows);
    }
    x = add(
      x,
      weights.project(
        kept(mixed),
        `${at}.self_attn.o_proj`,
        config.heads * headDim,
        config.hiddenSize,
        config.outputBias,
      ),
    );

    const m = norm(x, `${at}.post_attention_layernorm.weight`);
    const { hiddenSize, intermediateSize, mlpBias } = config;
    const gate = weights.project(kept(m), `${at}.mlp.gate_proj`, hiddenSize, intermediateSize, mlpBias);
    const up = weights.project(kept(m), `${at}.mlp.up_proj`, hiddenSize, intermediateSize, mlpBias);
    x = add(
      x,
      weights.project(
        gatedUnit(gate, up, activate),
        `${at}.mlp.down_proj`,
        intermediateSize,
        hiddenSize,
        mlpBias,
      ),
    );
  }
  return norm(x, 'model.norm.weight');
}

/** The LM head's matrix [vocab, hiddenSize]. */
export const headMatrix = (config: DecoderConfig, weights: Weights): Tensor =>
  weights.matrix(
    config.tiedEmbeddings ? embeddingName : headName,
    config.vocabSize,
    config.hiddenSize,
  );

/** Logits [rows, vocab] from final hidden states. */
export const logitsOf = (config: DecoderConfig, weights: Weights, hidden: Tensor): Tensor =>
  linear(hidden, headMatrix(config, weights));
