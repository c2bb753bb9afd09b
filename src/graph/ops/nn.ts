// Network layers that ONNX Runtime executes as one kernel each: softmax, RMS norm, rotary embedding, activations.
import type { Dim } from '../dim.ts';
import { sameDim } from '../dim.ts';
import type { Tensor } from '../tensor.ts';
import { recordOp, withGradient } from '../tensor.ts';
import { requireDType, requireFloat, requireSameDType, requireSameShape, shapeError } from './check.ts';
import { add, div, mul, neg, sigmoid, sqrt, square, sub } from './elementwise.ts';
import { mean, sum, sumTo } from './reduce.ts';

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  requireFloat('Softmax', x);
  return recordOp('Softmax', [x], [x], {
    attributes: { axis: -1 },
    vjp:
      ([y]) =>
      ([g]) => [g ? softmaxGradient(g, y!) : null],
  })[0]!;
}

/** y * (g - sum(g * y)), the cotangent of softmax's input, from its output y. */
function softmaxGradient(g: Tensor, y: Tensor): Tensor {
  return mul(y, sub(g, sum(mul(g, y), { axes: [-1], keepDims: true })));
}

/** log(softmax(x)) over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  requireFloat('LogSoftmax', x);
  return recordOp('LogSoftmax', [x], [x], {
    attributes: { axis: -1 },
    vjp: () => {
      const probabilities = softmax(x);
      return ([g]) => [g ? sub(g, mul(probabilities, sum(g, { axes: [-1], keepDims: true }))) : null];
    },
  })[0]!;
}

/**
 * x / sqrt(mean(x^2) + epsilon) * weight over the last axis (arXiv 1910.07467, Eq. 4).
 * x is [..., n], weight [n].
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  requireDType('rmsNorm', x, 'float32');
  requireSameDType('rmsNorm', x, weight);
  const size = x.shape.at(-1);
  if (size === undefined || weight.shape.length !== 1 || !sameDim(size, weight.shape[0]!)) {
    throw shapeError('rmsNorm', 'the weight must have the size of the last axis', x, weight);
  }
  const perRow: Dim[] = [...x.shape.slice(0, -1), 1];
  return recordOp('SimplifiedLayerNormalization', [x, weight], [x, { dtype: x.dtype, shape: perRow }], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
    vjp:
      ([y, inverseRms]) =>
      ([g]) => {
        if (!g) return [null, null];
        const scaled = mul(g, weight);
        // With n = x * inverseRms: dx = inverseRms * (scaled - n * mean(scaled * n)), and scaled * n = g * y.
        const projection = mean(mul(g, y!), { axes: [-1], keepDims: true });
        const pull = mul(projection, mul(inverseRms!, inverseRms!));
        return [
          sub(mul(scaled, inverseRms!), mul(x, pull)),
          sumTo(mul(g, mul(x, inverseRms!)), weight.shape),
        ];
      },
  })[0]!;
}

/** 1 / sqrt(mean(x^2) + epsilon) over the last axis, which is kept with size 1. */
export const inverseRms = (x: Tensor, epsilon: number): Tensor =>
  div(1, sqrt(add(mean(square(x), { axes: [-1], keepDims: true }), epsilon)));

/**
 * Rotary position embedding in the half-split layout (arXiv 2104.09864; the layout of Hugging Face's Llama).
 * x is [batch, seq, heads * headDim]; cos and sin are [seq, turning / 2], one row a position of the sequence: the
 * first `turning` dimensions of each head turn, all or some. `start` is int64 [1], the row where the sequence begins.
 * Only x is differentiated.
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor, start: Tensor, heads: number): Tensor {
  requireDType('rotary', x, 'float32');
  requireSameDType('rotary', x, cos, sin);
  requireSameShape('rotary', cos, sin);
  requireDType('rotary', start, 'int64');
  const half = cos.shape.at(-1);
  const width = x.shape[2];
  const headDim = typeof width === 'number' ? width / heads : NaN;
  const turning = typeof half === 'number' ? half * 2 : NaN;
  if (x.shape.length !== 3 || !Number.isInteger(headDim) || !(turning <= headDim))
    throw shapeError(
      'rotary',
      `x must be [batch, seq, ${heads} * headDim] and cos [seq, headDim / 2] or less`,
      x,
      cos,
    );
  return recordOp('RotaryEmbedding', [x, start, cos, sin], [x], {
    domain: 'com.microsoft',
    attributes: { interleaved: 0, num_heads: heads, rotary_embedding_dim: turning < headDim ? turning : 0 },
    // The inverse of a rotation is the rotation by the negative angle.
    vjp:
      () =>
      ([g]) => [g ? rotary(g, cos, neg(sin), start, heads) : null, null, null, null],
  })[0]!;
}

/** x * sigmoid(x) (arXiv 1702.03118). */
export function silu(x: Tensor): Tensor {
  requireDType('silu', x, 'float32');
  return recordOp('QuickGelu', [x], [x], {
    domain: 'com.microsoft',
    attributes: { alpha: { float: 1 } },
    vjp: ([y]) => {
      return ([g]) => {
        if (!g) return [null];
        const s = sigmoid(x);
        return [mul(g, add(s, mul(y!, sub(1, s))))];
      };
    },
  })[0]!;
}

/** The tanh approximation of GELU (arXiv 1606.08415): x * sigmoid(2u), u = sqrt(2/pi) * (x + 0.044715 x^3). */
export function geluTanh(x: Tensor): Tensor {
  requireFloat('geluTanh', x);
  const c = 2 * Math.sqrt(2 / Math.PI);
  const squared = mul(x, x);
  const gate = sigmoid(mul(mul(x, add(mul(squared, 0.044715), 1)), c));
  const y = mul(x, gate);
  return withGradient([y], [x], ([g]) => {
    if (!g) return [null];
    const inner = mul(add(mul(squared, 3 * 0.044715), 1), c);
    return [mul(g, mul(gate, add(mul(mul(x, sub(1, gate)), inner), 1)))];
  })[0]!;
}
