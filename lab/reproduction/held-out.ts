// A real model on a user's judged responses: trains on one part and scores the other. There is no judge to ask for
// new verdicts, so what is measured is how likely held-out responses, good and bad, have become.
import { join } from 'node:path';
import { defaultSettings } from '../../src/alignment/settings.ts';
import { withTemporaryFolder } from '../../src/durable/temporary.ts';
import { WhetstoneError, briefly } from '../../src/errors.ts';
import { flaggedTokens } from '../../src/evaluation/index.ts';
import type { OpenedModel } from '../../src/generation/index.ts';
import { labelOf } from '../../src/judgments/triplet.ts';
import type { Triplet } from '../../src/judgments/triplet.ts';
import { createRandom, shuffle } from '../../src/random.ts';
import { encodeTriplet } from '../../src/tokens/encode.ts';
import { truncateLeft } from '../../src/tokens/truncate.ts';
import type { Bench } from './bench.ts';
import type { HeldOutExperiment, HeldOutResult, TrainingFacts } from './experiment.ts';
import { trainAdapter, withBenchModel } from './training.ts';

/** What `align` throws where the data has nothing that a method learns from; the row of a table then says so. */
const refusals = new Set([
  'UNSUITABLE_DATA',
  'NOTHING_TO_LEARN',
  'NO_NEGATIVES',
  'NO_EXAMPLES',
  'TEMPLATE_LACKS',
]);

/** Trains (or not) and scores the held-out rows. A method that the data cannot feed is a result, not an error. */
export async function runHeldOut(experiment: HeldOutExperiment, bench: Bench): Promise<HeldOutResult> {
  const { model, heldOut, training, lambda } = experiment;
  const { used, kept } = splitRows(await bench.readTriplets(), heldOut);
  if (training === null) {
    const rows = await withBenchModel(bench, model, null, (opened) =>
      score(opened, kept, lambda, bench.signal),
    );
    return { rows, training: null, refused: null };
  }
  const triplets = used.slice(0, Math.max(1, Math.round(used.length * training.share)));
  return withTemporaryFolder('experiment', async (dir) => {
    const into = join(dir, 'adapter');
    const { settings, seed } = training;
    let facts: TrainingFacts;
    try {
      facts = await trainAdapter(bench, { model, triplets, settings, seed, into });
    } catch (error) {
      if (!(error instanceof WhetstoneError) || !refusals.has(error.code)) throw error;
      return { rows: [], training: null, refused: briefly(error) };
    }
    const rows = await withBenchModel(bench, model, into, (opened) =>
      score(opened, kept, lambda, bench.signal),
    );
    return { rows, training: facts, refused: null };
  });
}

/**
 * A seeded split by instruction, so that no instruction is on both sides: about `share` of the instructions are
 * kept for scoring, at least one. Throws WhetstoneError `TOO_FEW_ROWS` if one side would be empty.
 */
export function splitRows(
  triplets: readonly Triplet[],
  { share, seed }: { readonly share: number; readonly seed: number },
): { readonly used: Triplet[]; readonly kept: Triplet[] } {
  const nameOf = ({ instruction, input }: Triplet): string => JSON.stringify([instruction, input ?? '']);
  const instructions = [...new Set(triplets.map(nameOf))];
  const count = Math.max(1, Math.round(instructions.length * share));
  if (count >= instructions.length) {
    throw new WhetstoneError(
      'TOO_FEW_ROWS',
      `${instructions.length} distinct instructions cannot be split in two`,
      {
        ...(triplets[0] && { file: triplets[0].source.file }),
        hint: 'A part of the instructions is held out for scoring; give more rows.',
      },
    );
  }
  const order = shuffle(Uint32Array.from(instructions.keys()), createRandom(seed, splitStream));
  const held = new Set(Array.from(order.subarray(0, count), (i) => instructions[i]!));
  return {
    used: triplets.filter((triplet) => !held.has(nameOf(triplet))),
    kept: triplets.filter((triplet) => held.has(nameOf(triplet))),
  };
}

const splitStream = 0x73706c69;

async function score(
  { engine, tokenizer, template }: OpenedModel,
  triplets: readonly Triplet[],
  lambda: number,
  signal: AbortSignal | undefined,
): Promise<HeldOutResult['rows']> {
  const cutoffLength = Math.min(defaultSettings.cutoffLen, engine.describe().maxPositions);
  const rows: HeldOutResult['rows'][number][] = [];
  for (const triplet of triplets) {
    signal?.throwIfAborted();
    const label = labelOf(triplet);
    const shown = label === 'align-n' ? triplet.judgment : null;
    const encoded = await encodeTriplet(tokenizer, template, { ...triplet, judgment: shown });
    const sequences = [encoded.plain, ...(encoded.judged ? [encoded.judged] : [])].flatMap((sequence) => {
      const fitted = truncateLeft(sequence, { cutoffLength, bosTokenId: tokenizer.bosTokenId });
      return fitted ? [fitted.sequence] : [];
    });
    // A response that leaves no room for a prompt is the same in every row of the table: left out of all.
    if (sequences.length < (encoded.judged ? 2 : 1)) continue;
    const [plain, judged] = await engine.score(sequences);
    const tokens = plain!.length;
    rows.push({
      label,
      loss: -plain!.reduce((sum, logProb) => sum + logProb, 0) / tokens,
      tokens,
      flagged: judged ? flaggedTokens(plain!, judged, lambda).filter(Boolean).length / tokens : null,
    });
  }
  return rows;
}
