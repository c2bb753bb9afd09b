// Arithmetic of flat vectors, in JavaScript because it is a small part of a step.

export function sumOf(values: Float32Array): number {
  let sum = 0;
  for (const x of values) sum += x;
  return sum;
}

/** L2 norm, accumulated in double precision. */
export function l2Norm(vector: Float32Array): number {
  let sum = 0;
  for (const x of vector) sum += x * x;
  return Math.sqrt(sum);
}

export function addInto(target: Float32Array, addend: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += addend[i]!;
}
