// Work for the sides of a comparison, from rows.json of bench/peers/rows.py: batches to train on, prompts to go on with.
import { readFileSync } from 'node:fs';

/** Tokens of a judged triplet, as bench/peers/README.md says. */
export interface Row {
  readonly index: number;
  readonly plain_ids: number[];
  readonly plain_response_start: number;
  readonly judged_ids: number[] | null;
  readonly judged_response_start: number | null;
}

/** Answer to a batch, which is asked for as a list of row numbers: one step on those rows. */
export interface StepAnswer {
  readonly seconds: number;
  readonly tokens: number;
  readonly peak_rss_bytes: number;
}

/** Prompts to go on with side by side, greedily, each by at most so many tokens. */
export interface GenerationWork {
  readonly prompts: number[][];
  readonly limits: number[];
  readonly log_probs?: boolean;
}

export interface GenerationAnswer {
  readonly seconds: number;
  readonly log_probs?: number[][];
  readonly ids: number[][];
  readonly peak_rss_bytes: number;
}

export const readRows = (file: string): Row[] => JSON.parse(readFileSync(file, 'utf8')) as Row[];

/** Tokens of both sequences. */
export const tokensOf = ({ plain_ids, judged_ids }: Row): number =>
  plain_ids.length + (judged_ids?.length ?? 0);

/** Row numbers evenly spaced by length, so that a few stand for all; dealt to batches so that each is a mixture. */
export function sampleBatches(rows: readonly Row[], batches: number, size: number): number[][] {
  const byLength = rows.map((_, i) => i).sort((a, b) => tokensOf(rows[a]!) - tokensOf(rows[b]!));
  const count = batches * size;
  const sample = Array.from(
    { length: count },
    (_, i) => byLength[Math.floor(((i + 0.5) * rows.length) / count)]!,
  );
  return Array.from({ length: batches }, (_, b) => sample.filter((_, i) => i % batches === b));
}

/** Mean tokens of some rows. */
export const meanTokens = (rows: readonly Row[]): number =>
  rows.reduce((sum, row) => sum + tokensOf(row), 0) / rows.length;

/** `count` prompts of at most 400 tokens, others in each round. */
export function pickPrompts(rows: readonly Row[], round: number, count: number): number[][] {
  const prompts = rows
    .map(({ plain_ids, plain_response_start }) => plain_ids.slice(0, plain_response_start))
    .filter(({ length }) => length <= 400);
  return Array.from({ length: count }, (_, i) => prompts[(round * count + i * 7) % prompts.length]!);
}

/** New tokens of an answer. */
export const newTokens = ({ ids }: GenerationAnswer): number => ids.reduce((sum, row) => sum + row.length, 0);
