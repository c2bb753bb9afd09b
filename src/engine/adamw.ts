// AdamW (arXiv 1711.05101, Algorithm 2) in the arithmetic of torch.optim.AdamW, as a traced graph over flat vectors.
import type { Tensor } from '../graph/index.ts';
import { add, dim, div, input, mul, sqrt, sub } from '../graph/index.ts';
import type { OptimizerSettings } from './engine.ts';
import type { ParameterLayout } from './parameters.ts';
import type { Session } from './session.ts';
import { compile } from './session.ts';

export interface AdamW {
  /**
   * Updates parameters and moments in place. `step` counts from 1; `gradientScale` multiplies the gradient
   * (clipping). Arrays are flat float32 of the layout's size.
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

export async function compileAdamW(layout: ParameterLayout, threads: number): Promise<AdamW> {
  const session: Session = await compile(traceUpdate(), { threads });
  const scalar = (value: number): { data: Float32Array; dims: number[] } => ({
    data: Float32Array.of(value),
    dims: [],
  });
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
      const runRange = async (from: number, to: number, decay: number): Promise<void> => {
        if (from === to) return;
        const part = (flat: Float32Array): { data: Float32Array; dims: number[] } => ({
          data: flat.subarray(from, to),
          dims: [to - from],
        });
        const next = await session.run({
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
        });
        state.parameters.set(next.p_next!, from);
        state.firstMoment.set(next.m_next!, from);
        state.secondMoment.set(next.v_next!, from);
      };
      await runRange(0, layout.decayed, weightDecay);
      await runRange(layout.decayed, layout.total, 0);
    },
    release: () => session.release(),
  };
}
