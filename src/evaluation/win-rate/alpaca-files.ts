// An evaluation's responses and preferences in AlpacaEval's files, so that its own tool can read and judge them. Knows
// its fields.
import { join } from 'node:path';
import { makeFolder, writeFileDurably } from '../../durable/files.ts';
import { conversationText } from '../../rows/conversation.ts';
import type { ReferenceRow } from '../references.ts';
import type { WinRateResult } from './win-rate-task.ts';

export interface AlpacaNames {
  readonly subject: string;
  readonly judge: string;
}

const unnamed = { generator: 'reference', dataset: 'whetstone' } as const;

/** `model_outputs.json`: an input, which AlpacaEval does not know, goes behind its instruction; a conversation is one text. */
export const modelOutputs = (
  rows: readonly ReferenceRow[],
  results: readonly WinRateResult[],
  subject: string,
): object[] =>
  rows.map((row, i) => ({
    instruction: conversationText(row),
    dataset: row.dataset ?? unnamed.dataset,
    output: results[i]!.output,
    generator: subject,
  }));

/** `reference_outputs.json`. */
export const referenceOutputs = (rows: readonly ReferenceRow[]): object[] =>
  rows.map((row) => ({
    instruction: conversationText(row),
    dataset: row.dataset ?? unnamed.dataset,
    output: row.reference,
    generator: row.generator ?? unnamed.generator,
  }));

/** `annotations.json`: output_1 is the reference, output_2 the model's; preference 2 where the model wins. */
export const annotations = (
  rows: readonly ReferenceRow[],
  results: readonly WinRateResult[],
  { subject, judge }: AlpacaNames,
): object[] =>
  rows.map((row, i) => ({
    instruction: conversationText(row),
    output_1: row.reference,
    generator_1: row.generator ?? unnamed.generator,
    dataset: row.dataset ?? unnamed.dataset,
    output_2: results[i]!.output,
    generator_2: subject,
    annotator: judge,
    preference: results[i]!.preference,
  }));

/** Writes the three files into `folder`, which is made. */
export async function writeAlpacaFiles(
  folder: string,
  rows: readonly ReferenceRow[],
  results: readonly WinRateResult[],
  names: AlpacaNames,
): Promise<void> {
  await makeFolder(folder);
  const files = {
    'model_outputs.json': modelOutputs(rows, results, names.subject),
    'reference_outputs.json': referenceOutputs(rows),
    'annotations.json': annotations(rows, results, names),
  };
  for (const [name, value] of Object.entries(files))
    await writeFileDurably(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}
