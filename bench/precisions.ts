// Precisions by the names that benchmarks have for them: "float32", "float16", "int8", "int4", and "int8/int8" with the
// arithmetic behind the weights' dtype.
import type { OpenEngineOptions } from '../src/engine/index.ts';

/** The engine's options for a precision. */
export function optionsOf(
  name: string,
): Pick<OpenEngineOptions, 'baseDtype' | 'baseCompute' | 'computeDtype'> {
  if (name === 'float16') return { computeDtype: 'float16' };
  const [baseDtype, baseCompute] = name.split('/') as [
    OpenEngineOptions['baseDtype'],
    OpenEngineOptions['baseCompute'],
  ];
  return { baseDtype, ...(baseCompute && { baseCompute }) };
}
