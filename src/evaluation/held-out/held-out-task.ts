// Held-out judged triplets as a task of an evaluation: how likely a subject finds satisfactory and unsatisfactory
// responses, and how well the tokens that a judgment makes likelier agree with marked errors. Knows triplets and sums of
// log-probs, no training.
import { createHash } from 'node:crypto';
import { WhetstoneError } from '../../errors.ts';
import { buildExamples, canonicalRow, labelOf } from '../../judgments/index.ts';
import type { Example, Triplet } from '../../judgments/index.ts';
import { detect, figuresOf } from '../detection.ts';
import type { DetectionCounts } from '../detection.ts';
import { jsonText } from '../../rows/json.ts';
import { pendingGroups } from '../groups.ts';
import type { EvaluationTask, Figure } from '../run/task.ts';
import type { LocalModel, Subject } from '../subject/subject.ts';
import { perplexity, perplexityPerResponse } from './perplexity.ts';
import type { ScoredTokens } from './perplexity.ts';

export interface HeldOutSettings {
  readonly file: string;
  readonly digest: string;
  readonly triplets: readonly Triplet[];
  /** How instructions, responses and judgments become prompts: part of what is measured. */
  readonly template: string;
  /** A token is flagged where its judged probability is more than lambda times the plain one. */
  readonly lambda: number;
  /** Most triplets; null takes all. */
  readonly limit: number | null;
}

/** What the journal keeps of a triplet. */
export interface HeldOutResult {
  readonly tokens: number;
  /** Sums of the response's log-probs in nats: after the plain prompt, and after the one that shows the judgment. */
  readonly plain: number;
  /** Null for satisfactory responses. */
  readonly judged: number | null;
  /** Null where no errors are marked. */
  readonly detection: DetectionCounts | null;
  /** Tokens at the beginning of a prompt that there was no room for; left out where there were none. */
  readonly truncated?: number;
}

/** Changes where the same triplets would be scored in another way. */
const version = 1;
/** Triplets that the engine scores together. */
const atOnce = 32;

/** Needs subjects that run in this process: measuring throws WhetstoneError `NO_LOCAL_MODEL` for others. */
export function heldOutTask({
  file,
  digest,
  template,
  lambda,
  limit,
  ...settings
}: HeldOutSettings): EvaluationTask {
  const triplets = limit === null ? settings.triplets : settings.triplets.slice(0, limit);
  const marked = triplets.filter(isMarked).length;
  return {
    name: 'held_out',
    description: {
      kind: 'held_out',
      data: file,
      digest,
      triplets: triplets.length,
      limit,
      template,
      lambda,
      marked,
    },
    items: triplets.map((triplet, i) => ({
      id: String(i),
      key: createHash('sha256')
        .update(jsonText([version, template, lambda, canonicalRow(triplet)]))
        .digest('hex'),
    })),
    measure: async (subject, pending, { signal, onResult }) => {
      const local = localModel(subject);
      const prompts = await local.template();
      for (const { positions, isPending } of pendingGroups(triplets.length, atOnce, pending.map(Number))) {
        signal.throwIfAborted();
        const { examples } = await buildExamples(triplets, {
          tokenizer: local.tokenizer,
          template: prompts,
          cutoffLength: local.maxLength,
          positions,
        });
        const scores = await scoreExamples(local, examples);
        for (const [i, example] of examples.entries()) {
          const { index } = example;
          if (isPending(index))
            await onResult(String(index), resultOf(example, scores[i]!, triplets[index]!, lambda));
        }
      }
    },
    isResult: (value) =>
      'tokens' in value &&
      typeof value.tokens === 'number' &&
      'plain' in value &&
      typeof value.plain === 'number',
    figures: (results) => heldOutFigures(triplets, results as readonly HeldOutResult[], lambda),
    remarks: (results) => {
      const truncated = results.filter((result) => 'truncated' in result).length;
      return truncated === 0
        ? []
        : [`${truncated} prompts lost their beginning, for which there was no room.`];
    },
  };
}

const isMarked = (triplet: Triplet): boolean =>
  triplet.errors !== undefined && labelOf(triplet) === 'align-n';

function localModel({ local }: Subject): LocalModel {
  if (local) return local;
  throw new WhetstoneError('NO_LOCAL_MODEL', 'held-out triplets need a model that runs in this process', {
    hint: 'A server does not tell the log-probs of single tokens of a response; give the model folder.',
  });
}

interface Scores {
  readonly plain: Float32Array;
  readonly judged: Float32Array | null;
}

async function scoreExamples(
  { engine }: Pick<LocalModel, 'engine'>,
  examples: readonly Example[],
): Promise<Scores[]> {
  const scores = await engine.score(
    examples.flatMap(({ sequences: { plain, judged } }) => (judged ? [plain!, judged] : [plain!])),
  );
  let next = 0;
  return examples.map(({ sequences }) => ({
    plain: scores[next++]!,
    judged: sequences.judged ? scores[next++]! : null,
  }));
}

function resultOf(
  { offsets, dropped }: Example,
  { plain, judged }: Scores,
  triplet: Triplet,
  lambda: number,
): HeldOutResult {
  return {
    tokens: plain.length,
    plain: sum(plain),
    judged: judged && sum(judged),
    detection:
      judged && isMarked(triplet)
        ? detect({ plain, judged, offsets, errors: triplet.errors! }, lambda)
        : null,
    ...(dropped > 0 && { truncated: dropped }),
  };
}

const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

/** Figures of one subject: perplexities first; NaN where the data has no such responses. */
export function heldOutFigures(
  triplets: readonly Triplet[],
  results: readonly HeldOutResult[],
  lambda: number,
): Figure[] {
  const all = triplets.map((triplet, i) => ({ label: labelOf(triplet), result: results[i]! }));
  const plain =
    (label: 'align-p' | 'align-n') =>
    (each: (typeof all)[number]): ScoredTokens | null =>
      each.label === label ? { logProb: each.result.plain, tokens: each.result.tokens } : null;
  const judged = ({ result }: (typeof all)[number]): ScoredTokens | null =>
    result.judged === null ? null : { logProb: result.judged, tokens: result.tokens };
  const sets = [
    ['satisfactory', all.map(plain('align-p'))],
    ['unsatisfactory', all.map(plain('align-n'))],
    ['unsatisfactory_judged', all.map(judged)],
  ] as const;
  const counts = results.flatMap(({ detection }) => detection ?? []);
  return [
    ...sets.flatMap(([name, responses]) => perplexityFigures(name, responses)),
    ...(triplets.some(isMarked) ? detectionShares(counts, lambda) : []),
  ];
}

function perplexityFigures(set: string, responses: readonly (ScoredTokens | null)[]): Figure[] {
  const scored = responses.filter((response) => response !== null);
  const { each, mean, stderr } = perplexityPerResponse(scored);
  const common = { name: 'held_out', scored: scored.length, total: scored.length, unit: 'number' } as const;
  const rest = each.values();
  return [
    { ...common, metric: `perplexity_${set}`, value: perplexity(scored), stderr: null, scores: null },
    {
      ...common,
      metric: `perplexity_per_response_${set}`,
      value: mean,
      stderr,
      scores: responses.map((response) => (response === null ? null : rest.next().value!)),
    },
  ];
}

function detectionShares(counts: readonly DetectionCounts[], lambda: number): Figure[] {
  const { precision, chance, spanRecall, onsetRecall, tokenRecall, flaggedShare } = figuresOf(lambda, counts);
  const shares = {
    precision,
    chance,
    span_recall: spanRecall,
    onset_recall: onsetRecall,
    token_recall: tokenRecall,
    flagged_share: flaggedShare,
  };
  return Object.entries(shares).map(([metric, share]) => ({
    name: 'held_out',
    metric: `detection_${metric}`,
    value: share ?? NaN,
    stderr: null,
    unit: 'share',
    scored: counts.length,
    total: counts.length,
    scores: null,
  }));
}
