// Faults of ONNX Runtime's WebGPU provider that the engine works around, each as the smallest graph that shows it:
// node scripts/run-ts.mjs test/devices/upstream.ts [FOLDER]
// With a folder the graphs are written there, as a report to ONNX Runtime needs them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Provider, Tensor } from '../../src/graph/index.ts';
import { emit, input, recordOp } from '../../src/graph/index.ts';
import { InferenceSession, Tensor as OrtTensor } from '../../src/engine/runtime.ts';

const [rows, width] = [3, 8];
const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
const x = input('x', 'float32', [rows, width]);
const weight = input('weight', 'float32', [width]);

/** [y, 1 / rms(x)]: the second output is declared by the operator, and written by the CPU's kernel. */
const [y, inverse] = recordOp(
  'SimplifiedLayerNormalization',
  [x, weight],
  [x, { dtype: 'float32', shape: [rows, 1] }],
  { attributes: { axis: -1, epsilon: { float: 1e-5 } } },
);
const graphs: Readonly<Record<string, Readonly<Record<string, Tensor>>>> = {
  'simplified-layer-normalization': { y: y!, inverse: inverse! },
};

for (const [name, outputs] of Object.entries(graphs)) {
  const { bytes } = emit(outputs);
  if (process.argv[2]) await writeFile(join(process.argv[2], `${name}.onnx`), bytes);
  for (const provider of ['cpu', 'webgpu'] satisfies Provider[]) {
    const session = await InferenceSession.create(bytes, { executionProviders: [provider] });
    const found = await session.run({
      x: new OrtTensor(values, [rows, width]),
      weight: new OrtTensor(new Float32Array(width).fill(1), [width]),
    });
    for (const output of Object.keys(outputs)) {
      const shown = Array.from(found[output]!.data as Float32Array).slice(0, 4);
      console.log(`${name} ${provider} ${output}: ${shown.map((value) => value.toFixed(6)).join(' ')} ...`);
    }
    await session.release();
  }
}
