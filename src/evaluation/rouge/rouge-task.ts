// ROUGE of a subject's responses against references, as a task of an evaluation. Knows prompts and references, not how
// texts are scored.
import { createHash } from 'node:crypto';
import { promptKey } from '../../rows/conversation.ts';
import { mean, standardDeviation } from '../../statistics/spread.ts';
import type { BootstrapSettings } from '../../statistics/bootstrap.ts';
import type { ReferenceFile } from '../references.ts';
import { respondInTurns } from '../responses.ts';
import type { GenerationSettings } from '../responses.ts';
import type { EvaluationTask, Figure } from '../run/task.ts';
import { rougeMeans } from './corpus.ts';
import { rouge } from './rouge.ts';
import type { RougeScore, RougeScores } from './rouge.ts';

export interface RougeTaskSettings {
  readonly references: ReferenceFile;
  /** How subjects are asked: part of what a response depends on. */
  readonly template: string;
  readonly generation: GenerationSettings;
  /** Compare stems of words of more than three letters. */
  readonly stem: boolean;
  /** Most rows; null takes all. */
  readonly limit: number | null;
  readonly bootstrap?: BootstrapSettings;
}

/** What the journal keeps of a row. */
export interface RougeResult {
  readonly output: string;
}

const version = 1;

/** A task whose figures are the mean F of ROUGE-1, 2, L and Lsum, with precision and recall as details. */
export function rougeTask({
  references,
  template,
  generation,
  stem,
  limit,
  bootstrap,
}: RougeTaskSettings): EvaluationTask {
  const rows = limit === null ? references.rows : references.rows.slice(0, limit);
  const common = [version, template, generation];
  const scoresOf = (results: readonly object[]): RougeScores[] =>
    (results as readonly RougeResult[]).map(({ output }, i) => rouge(rows[i]!.reference, output, { stem }));
  return {
    name: 'rouge',
    description: {
      kind: 'rouge',
      references: references.file,
      digest: references.digest,
      rows: rows.length,
      limit,
      template,
      generation,
      stem,
    },
    // The reference and the stemmer are no part of it: a response is scored anew each time.
    items: rows.map((row, i) => ({
      id: String(i),
      key: createHash('sha256')
        .update(JSON.stringify([...common, ...promptKey(row), generation.temperature > 0 ? i : 0]))
        .digest('hex'),
    })),
    measure: (subject, pending, { signal, onResult }) =>
      respondInTurns(subject, rows, pending.map(Number), generation, signal, async (some, responses) => {
        for (const [i, index] of some.entries())
          await onResult(String(index), { output: responses[i]!.text } satisfies RougeResult);
      }),
    isResult: (value) => 'output' in value && typeof value.output === 'string',
    figures: (results) => rougeFigures(scoresOf(results)),
    remarks: (results) => {
      const confidence = Math.round(100 * (bootstrap?.confidence ?? 0.95));
      const intervals = Object.entries(rougeMeans(scoresOf(results), bootstrap)).map(
        ([type, { f }]) => `${type} [${percent(f.low)}, ${percent(f.high)}]`,
      );
      return [`${confidence}% bootstrap intervals of F: ${intervals.join(', ')}.`];
    },
  };
}

const percent = (share: number): string => (100 * share).toFixed(1);

const parts: readonly (readonly [keyof RougeScore, string])[] = [
  ['f', ''],
  ['precision', '_precision'],
  ['recall', '_recall'],
];

/** At least one response. */
export function rougeFigures(responses: readonly RougeScores[]): Figure[] {
  const types = Object.keys(responses[0]!) as (keyof RougeScores)[];
  return parts.flatMap(([part, suffix]) =>
    types.map((type): Figure => {
      const scores = responses.map((response) => response[type][part]);
      const deviation = standardDeviation(scores);
      return {
        name: 'rouge',
        metric: `${type}${suffix}`,
        value: mean(scores),
        scores,
        unit: 'share',
        stderr: deviation === null ? null : deviation / Math.sqrt(scores.length),
        scored: scores.length,
        total: scores.length,
        ...(part !== 'f' && { detail: true }),
      };
    }),
  );
}
