// Rotary angles: inverse frequencies from the configuration, cosines and sines as traced tensors.
import type { Tensor } from '../graph/index.ts';
import { cast, constant, cos, mul, reshape, sin } from '../graph/index.ts';
import type { Rope, RopeScaling } from './rope-config.ts';

/**
 * Radians a position for each pair of the dimensions that turn: dims / 2 values. Rounded to single precision where
 * transformers rounds, because a frequency's last bit moves the angle at position 4000 by 4000 times as much.
 */
export function inverseFrequencies({ theta, dims, scaling }: Rope): number[] {
  const periods = Array.from({ length: dims / 2 }, (_, i) => fround(theta ** fround((2 * i) / dims)));
  const scale = scaler(scaling, { dims, theta });
  return periods.map((period, pair) => fround(scale(period, pair)));
}

const { fround } = Math;

/** From a pair's period (positions a radian) and its number to its frequency. */
type Scaler = (period: number, pair: number) => number;

function scaler(scaling: RopeScaling, shape: Pick<Rope, 'dims' | 'theta'>): Scaler {
  switch (scaling.type) {
    case 'none':
      return (period) => 1 / period;
    case 'linear':
      return (period) => fround(1 / period) / scaling.factor;
    case 'llama3':
      return (period) => llama3Frequency(fround(1 / period), scaling);
    case 'yarn':
      return yarnFrequencies(scaling, shape);
    case 'longrope':
      return (period, pair) => 1 / fround(fround(scaling.shortFactors[pair]!) * period);
  }
}

type Scaling<T extends RopeScaling['type']> = Extract<RopeScaling, { readonly type: T }>;

/** Short wavelengths stay, long ones are stretched by the factor, those between are blended (Llama 3.1). */
function llama3Frequency(frequency: number, scaling: Scaling<'llama3'>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
  if (turns > highFreqFactor) return frequency;
  if (turns < lowFreqFactor) return frequency / factor;
  const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** arXiv 2309.00071, Section 3.2: a ramp over the pairs, from their own frequency to that divided by the factor. */
function yarnFrequencies(
  { factor, betaFast, betaSlow, truncate, originalMaxPositions }: Scaling<'yarn'>,
  { dims, theta }: Pick<Rope, 'dims' | 'theta'>,
): Scaler {
  /** The pair, as a real number, that turns so often within the original length. */
  const pairAt = (turns: number): number =>
    (dims * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairAt(betaFast), pairAt(betaSlow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, dims - 1);
  // As in transformers, a ramp without length is a step.
  const width = high === low ? 0.001 : high - low;
  return (period, pair) => {
    const slowness = fround(Math.min(Math.max(fround((pair - low) / width), 0), 1));
    const own = fround(1 - slowness);
    const stretched = fround(1 / fround(factor * period));
    return fround(stretched * fround(1 - own)) + fround(fround(1 / period) * own);
  };
}

/**
 * Cosines and sines [seq, dims / 2] of the angles at `positions`, int32 or int64 [seq], times the scaling's
 * factor on attention.
 */
export function rotaryTables(rope: Rope, positions: Tensor): { cos: Tensor; sin: Tensor } {
  const frequencies = constant(inverseFrequencies(rope), 'float32', [1, rope.dims / 2]);
  const column = reshape(cast(positions, 'float32'), [positions.shape[0]!, 1]);
  const angles = mul(column, frequencies);
  const { scaling } = rope;
  const factor = 'attentionFactor' in scaling ? scaling.attentionFactor : 1;
  const scaled = (table: Tensor): Tensor => (factor === 1 ? table : mul(table, factor));
  return { cos: scaled(cos(angles)), sin: scaled(sin(angles)) };
}
