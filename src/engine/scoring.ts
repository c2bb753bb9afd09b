// Log-probs and next-token distributions of sequences under one set of weights. Knows nothing of training.
import { compileForRows } from './arithmetic.ts';
import { arrangementFor, intoRuns } from './arrangement.ts';
import type { Sequence } from './engine.ts';
import { responseLength } from './engine.ts';
import { lazily } from './lazily.ts';
import type { EngineModel } from './model.ts';
import type { Session } from './session.ts';
import { traceScore } from './step-graph.ts';

export interface Scorer {
  /** Log-probs of each sequence's response tokens, [response tokens] each. */
  logProbs(sequences: readonly Sequence[]): Promise<Float32Array[]>;
  /** Log-probs of every token in place of each response token, [response tokens * vocab] each, row by row. */
  distributions(sequences: readonly Sequence[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Graphs are compiled when first needed. */
export function openScorer(model: EngineModel): Scorer {
  const { parameters } = model;
  const arrangement = arrangementFor(model.wholeBatches);
  const open = (distributions: boolean): Promise<Session> =>
    compileForRows(model, traceScore({ ...model, arrangement }, distributions).outputs, {});
  const sessions = [lazily(() => open(false)), lazily(() => open(true))] as const;

  const run = async (session: Session, sequences: readonly Sequence[]): Promise<Float32Array[]> => {
    const results = new Array<Float32Array>(sequences.length);
    // Sequences of like length share a run, so that few cells of its grid are padding.
    const order = sequences
      .map((sequence, position) => ({ sequence, position }))
      .filter(({ sequence, position }) => {
        if (responseLength(sequence) > 0) return true;
        results[position] = new Float32Array(0);
        return false;
      })
      .sort((a, b) => a.sequence.ids.length - b.sequence.ids.length);
    const runs = intoRuns(
      order.map((item) => [item]),
      arrangement,
      ({ sequence }) => sequence,
    );
    for (const items of runs) {
      const own = items.map(({ sequence }) => sequence);
      const { logprobs } = await session.run({ ...parameters, ...arrangement.feeds(own) });
      const outputs = own.reduce((sum, sequence) => sum + responseLength(sequence), 0);
      const width = logprobs!.length / outputs;
      let start = 0;
      for (const { sequence, position } of items) {
        const size = responseLength(sequence) * width;
        results[position] = logprobs!.slice(start, start + size);
        start += size;
      }
    }
    return results;
  };
  return {
    logProbs: async (sequences) => run(await sessions[0](), sequences),
    distributions: async (sequences) => run(await sessions[1](), sequences),
    release: async () => {
      for (const { existing } of sessions) await (await existing?.catch(() => null))?.release();
    },
  };
}
