// How far a judge model agreed with judgments that it was not trained on, as its training wrote it down, and whether that
// is enough to rely on it. Knows the file, not how figures are made.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../durable/files.ts';
import { WhetstoneError } from '../../errors.ts';
import { isFields } from '../../rows/fields.ts';
import { percent } from '../../words/numbers.ts';
import { option } from '../../words/option.ts';

/** agreement.json. Shares in [0, 1]; null where there was nothing to divide by. "Not perfect" is the positive class. */
export interface Agreement {
  readonly rows: number;
  /** Rows that the data finds not perfect. */
  readonly not_perfect: number;
  /** Share of rows with the data's decision; a reply that cannot be read agrees with nothing. */
  readonly accuracy: number;
  /** 95% interval of the bootstrap over rows. */
  readonly accuracy_interval: readonly [low: number, high: number];
  /** Accuracy of always giving the more frequent decision of these rows. */
  readonly majority_accuracy: number;
  /** Of the responses that the judge finds not perfect, those that the data does too. */
  readonly precision: number | null;
  /** Of the responses that the data finds not perfect, those that the judge does too. */
  readonly recall: number | null;
  readonly f1: number | null;
  /** Share of replies that could not be read. */
  readonly unreadable: number;
}

export const agreementFile = (run: string): string => join(run, 'agreement.json');

/** What a test that is done has found; null where it is not. Throws WhetstoneError `BAD_RUN` for a damaged file. */
export async function recordedAgreement(run: string): Promise<Agreement | null> {
  const file = agreementFile(run);
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (isAgreement(value)) return value;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new WhetstoneError('BAD_RUN', 'expected what the test of a judge found', {
    file,
    hint: `Remove the file and test again: "whetstone train-judge" with ${option('resume')}.`,
  });
}

function isAgreement(value: unknown): value is Agreement {
  if (!isFields(value) || !Array.isArray(value['accuracy_interval'])) return false;
  const shares = [
    value['accuracy'],
    value['majority_accuracy'],
    ...(value['accuracy_interval'] as unknown[]),
  ];
  return shares.length === 4 && shares.every((share) => typeof share === 'number');
}

/** Whether the judge is surely better than always giving the more frequent decision. */
export const isTrusted = ({ accuracy_interval: [low], majority_accuracy }: Agreement): boolean =>
  low > majority_accuracy;

/** Why the judge in a folder is not to be relied on yet, a sentence; null where nothing speaks against it. */
export async function doubtOf(run: string): Promise<string | null> {
  const agreement = await recordedAgreement(run);
  if (agreement === null)
    return `The judge in ${run} was not tested on judgments kept back from it, so that nobody knows how far to trust it.`;
  if (isTrusted(agreement)) return null;
  const { accuracy, accuracy_interval, majority_accuracy, rows } = agreement;
  const [low, high] = accuracy_interval.map((share) => percent(share));
  return (
    `The judge in ${run} agreed with ${percent(accuracy)} (${low} to ${high}) of ${rows} judgments kept back, always the same ` +
    `decision with ${percent(majority_accuracy)}: do not trust it yet.`
  );
}
