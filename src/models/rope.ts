// Rotary angles: inverse frequencies from the configuration, cosines and sines as traced tensors.
import type { Tensor } from '../graph/index.ts';
import { cast, constant, cos, mul, reshape, sin } from '../graph/index.ts';
import type { DecoderConfig, RopeScaling } from './config.ts';

/**
 * Radians a position for each pair of a head's dimensions: headDim / 2 values. Rounded to single precision where
 * transformers rounds, because a frequency's last bit moves the angle at position 4000 by 4000 times as much.
 */
export function inverseFrequencies({ headDim, ropeTheta, ropeScaling }: DecoderConfig): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const period = fround(ropeTheta ** fround((2 * i) / headDim));
    return fround(scaleFrequency(fround(1 / period), ropeScaling));
  });
}

const { fround } = Math;

function scaleFrequency(frequency: number, scaling: RopeScaling): number {
  switch (scaling.type) {
    case 'none':
      return frequency;
    case 'linear':
      return frequency / scaling.factor;
    case 'llama3': {
      // Short wavelengths stay, long ones are stretched by the factor, those between are blended (Llama 3.1).
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
      const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
      if (turns > highFreqFactor) return frequency;
      if (turns < lowFreqFactor) return frequency / factor;
      const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      return ((1 - smooth) * frequency) / factor + smooth * frequency;
    }
  }
}

/** Cosines and sines [seq, headDim / 2] of the angles at `positions`, int32 or int64 [seq]. */
export function rotaryTables(config: DecoderConfig, positions: Tensor): { cos: Tensor; sin: Tensor } {
  const frequencies = constant(inverseFrequencies(config), 'float32', [1, config.headDim / 2]);
  const column = reshape(cast(positions, 'float32'), [positions.shape[0]!, 1]);
  const angles = mul(column, frequencies);
  return { cos: cos(angles), sin: sin(angles) };
}
