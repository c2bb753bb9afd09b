// AdamW (arXiv 1711.05101, Algorithm 2) in the arithmetic of torch.optim.AdamW, as a traced graph over flat vectors.
import { WhetstoneError } from '../errors.ts';
import type { Tensor } from '../graph/index.ts';
import { add, dim, div, input, mul, sqrt, sub } from '../graph/index.ts';
import type { OptimizerSettings } from './engine.ts';
import type { ParameterLayout } from './parameters.ts';
import type { Feed, Session } from './session.ts';
import { compile } from './session.ts';

export interface AdamW {
  /**
   * Updates parameters and moments in place. `step` counts from 1; `gradientScale` multiplies the gradient
   * (clipping). Arrays are flat float32 of the layout's size. What throws at the beginning, as a lack of memory does, leaves
   * them as they were; later on WhetstoneError `ENGINE_STATE` says that they are of no step.
   */
  update(
    state: AdamWState,
    gradient: Float32Array,
    gradientScale: number,
    step: number,
    settings: OptimizerSettings,
  ): Promise<void>;
  release(): Promise<void>;
}

export interface AdamWState {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

/** The update as tensors: all vectors [n], all settings scalars. */
function traceUpdate(): Record<'p_next' | 'm_next' | 'v_next', Tensor> {
  const vector = (name: string): Tensor => input(name, 'float32', [dim('n')]);
  const scalar = (name: string): Tensor => input(name, 'float32', []);
  const g = mul(vector('g'), scalar('gradient_scale'));
  const beta1 = scalar('beta1');
  const beta2 = scalar('beta2');
  const m = vector('m');
  const v = vector('v');
  const mNext = add(m, mul(sub(g, m), sub(1, beta1)));
  const vNext = add(mul(v, beta2), mul(mul(g, g), sub(1, beta2)));
  const denominator = add(div(sqrt(vNext), scalar('root_bias2')), scalar('epsilon'));
  const decayed = mul(vector('p'), scalar('decay'));
  return {
    p_next: sub(decayed, mul(div(mNext, denominator), scalar('step_size'))),
    m_next: mNext,
    v_next: vNext,
  };
}

/**
 * Values that are updated at a time: each piece uses the memory of the one before, so that the update needs no more of it than
 * the first one does.
 */
const pieceSize = 1 << 20;

export async function compileAdamW(layout: ParameterLayout, threads: number): Promise<AdamW> {
  const session: Session = await compile(traceUpdate(), { threads });
  const scalar = (value: number): { data: Float32Array; dims: number[] } => ({
    data: Float32Array.of(value),
    dims: [],
  });
  const size = Math.min(pieceSize, layout.total);
  const [p, m, v] = [new Float32Array(size), new Float32Array(size), new Float32Array(size)];
  return {
    update: async (
      state,
      gradient,
      gradientScale,
      step,
      { learningRate, beta1, beta2, epsilon, weightDecay },
    ) => {
      const bias1 = 1 - beta1 ** step;
      const bias2 = 1 - beta2 ** step;
      const runPiece = async (from: number, to: number, decay: number): Promise<void> => {
        const part = (flat: Float32Array): Feed => ({ data: flat.subarray(from, to), dims: [to - from] });
        const next = (flat: Float32Array): Feed => ({ data: flat.subarray(0, to - from), dims: [to - from] });
        await session.run(
          {
            p: part(state.parameters),
            m: part(state.firstMoment),
            v: part(state.secondMoment),
            g: part(gradient),
            gradient_scale: scalar(gradientScale),
            beta1: scalar(beta1),
            beta2: scalar(beta2),
            root_bias2: scalar(Math.sqrt(bias2)),
            epsilon: scalar(epsilon),
            decay: scalar(1 - learningRate * decay),
            step_size: scalar(learningRate / bias1),
          },
          { p_next: next(p), m_next: next(m), v_next: next(v) },
        );
        state.parameters.set(p.subarray(0, to - from), from);
        state.firstMoment.set(m.subarray(0, to - from), from);
        state.secondMoment.set(v.subarray(0, to - from), from);
      };
      const { decayed, total } = layout;
      const pieces = [...piecesOf(0, decayed, weightDecay), ...piecesOf(decayed, total, 0)];
      let done = 0;
      try {
        for (const piece of pieces) {
          await runPiece(...piece);
          done++;
        }
      } catch (cause) {
        if (done === 0) throw cause;
        throw new WhetstoneError('ENGINE_STATE', 'the update of the parameters broke off in the middle', {
          hint: 'They belong to no step: go on from a checkpoint.',
          cause,
        });
      }
    },
    release: () => session.release(),
  };
}

/** The range in pieces, the largest first. */
const piecesOf = (from: number, to: number, decay: number): [from: number, to: number, decay: number][] =>
  Array.from({ length: Math.ceil((to - from) / pieceSize) }, (_, i) => {
    const start = from + i * pieceSize;
    return [start, Math.min(start + pieceSize, to), decay];
  });
