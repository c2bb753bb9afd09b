// Sequences as frames carry them, and log-probs back. Knows no objective.
import type { Sequence } from '../engine.ts';
import { responseLength } from '../engine.ts';
import type { Scorer } from '../scoring.ts';
import type { NamedTensor } from './frames.ts';
import { flat, floatsOf } from './frames.ts';
import type { RemoteModel } from './remote-model.ts';

/** A sequence, and the key of the stream of its dropout masks. */
export interface Keyed {
  readonly sequence: Sequence;
  readonly key: readonly number[];
}

export function pack(
  items: readonly Keyed[],
  rowsOf: (sequence: Sequence) => number,
): { fields: Record<string, unknown>; tensors: Record<string, NamedTensor> } {
  const ids = new Int32Array(items.reduce((sum, { sequence }) => sum + sequence.ids.length, 0));
  let at = 0;
  for (const { sequence } of items) {
    ids.set(sequence.ids, at);
    at += sequence.ids.length;
  }
  const sequences = items.map(({ sequence, key }) => [
    sequence.ids.length,
    sequence.responseStart,
    rowsOf(sequence),
    ...key,
  ]);
  return { fields: { sequences }, tensors: { ids: flat(ids) } };
}

/** One array a sequence. */
export function cutByResponse(values: Float32Array, sequences: readonly Sequence[]): Float32Array[] {
  let start = 0;
  return sequences.map((sequence) => values.slice(start, (start += responseLength(sequence))));
}

/** Tokens that one frame asks for. */
const mostTokens = 1 << 20;

export function remoteScorer({ worker, rowsOf }: RemoteModel, model: 'present' | 'initial'): Scorer {
  const ask = async (sequences: readonly Sequence[]): Promise<Float32Array[]> => {
    const { fields, tensors } = pack(
      sequences.map((sequence) => ({ sequence, key: [0] })),
      rowsOf,
    );
    const answer = await worker.ask('score', { ...fields, model }, tensors);
    return cutByResponse(floatsOf(answer, 'log_probs'), sequences);
  };
  return {
    logProbs: async (sequences) => {
      const counted = sequences.filter((sequence) => responseLength(sequence) > 0);
      const scored: Float32Array[] = [];
      for (const some of inFrames(counted)) scored.push(...(await ask(some)));
      let next = 0;
      return sequences.map((sequence) =>
        responseLength(sequence) > 0 ? scored[next++]! : new Float32Array(0),
      );
    },
    // For measurements; a step's own stay with the worker (its operation "distill").
    distributions: async (sequences) => {
      const found: Float32Array[] = [];
      for (const sequence of sequences) {
        if (responseLength(sequence) === 0) {
          found.push(new Float32Array(0));
          continue;
        }
        const { fields, tensors } = pack([{ sequence, key: [0] }], rowsOf);
        found.push(floatsOf(await worker.ask('distributions', fields, tensors), 'log_probs'));
      }
      return found;
    },
    release: () => Promise.resolve(),
  };
}

function inFrames(sequences: readonly Sequence[]): Sequence[][] {
  const frames: Sequence[][] = [];
  let tokens = Infinity;
  for (const sequence of sequences) {
    if (tokens + sequence.ids.length > mostTokens) {
      frames.push([]);
      tokens = 0;
    }
    frames.at(-1)!.push(sequence);
    tokens += sequence.ids.length;
  }
  return frames;
}
