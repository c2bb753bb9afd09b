// The command lines of the programs that are compared: ours by precision and device, and those of bench/peers. Knows
// nothing of what they are asked.
import { fileURLToPath } from 'node:url';

/** What all sides of a comparison are given. */
export interface Place {
  /** Folder of the model. */
  readonly model: string;
  readonly rows: string;
  readonly threads: string;
  readonly python: string;
}

export const peers: string = fileURLToPath(new URL('../bench/peers/', import.meta.url));
const runner = [process.execPath, 'scripts/run-ts.mjs'];

/** Ours, training on batches of row numbers. A precision as in precisions.ts. */
export const ourStep = (
  { model, rows, threads }: Place,
  precision = 'float32',
  device = 'cpu',
): readonly string[] => [...runner, 'bench/step-worker.ts', model, rows, threads, precision, device];

/** A PyTorch loop of bench/peers by its file's name. */
export const peerStep = ({ model, rows, threads, python }: Place, name: string): readonly string[] => [
  ...[python, `${peers}${name}.py`],
  ...['--model', model, '--rows', rows, '--threads', threads, '--serve'],
];

/** Ours, generating with so many sequences side by side. */
export const ourGeneration = (
  { model, threads }: Pick<Place, 'model' | 'threads'>,
  slots: string,
  precision = 'float32',
  device = 'cpu',
): readonly string[] => [...runner, 'bench/generate-worker.ts', model, threads, slots, precision, device];

/** transformers' `generate`. */
export const transformers = ({ model, threads, python }: Omit<Place, 'rows'>): readonly string[] => [
  ...[python, `${peers}generate.py`, '--model', model, '--threads', threads],
];

/** llama.cpp by way of node-llama-cpp, which was installed in `folder`, with a GGUF of the model. */
export const llamaCpp = (
  { threads }: Pick<Place, 'threads'>,
  folder: string,
  gguf: string,
  slots: string,
): readonly string[] => [process.execPath, `${peers}llama_cpp.mjs`, folder, gguf, threads, slots];
