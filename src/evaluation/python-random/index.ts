// Python's random numbers, for drawing the few-shot examples that other tools draw.
export { createPythonRandom } from './python-random.ts';
export type { PythonRandom } from './python-random.ts';
