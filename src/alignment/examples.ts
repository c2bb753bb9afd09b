// From judged triplets to token triplets that fit the cut-off, with a count of everything that happened on the
// way. Knows tokenizer and template; it does not know which method trains on the result.
import { WhetstoneError } from '../errors.ts';
import type { TokenTriplet } from '../engine/engine.ts';
import { labelOf } from '../judgments/triplet.ts';
import type { Label, Triplet } from '../judgments/triplet.ts';
import { encodeTriplet, responseTooLong, truncateTriplet } from '../tokens/index.ts';
import type { EncodedTriplet, PromptTemplate, Retokenized, Tokenizer } from '../tokens/index.ts';

export interface Example extends TokenTriplet {
  readonly label: Label;
  readonly triplet: Triplet;
  /** Code points of each response token, counted from the response's start; the end token's span is empty. */
  readonly offsets: EncodedTriplet['offsets'];
  readonly retokenized: Retokenized;
  /** Prompt tokens cut off on the left, of the plain and the judged sequence together. */
  readonly dropped: number;
}

export interface EncodeSettings {
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  /** Most tokens of a sequence. */
  readonly cutoffLen: number;
}

const atOnce = 64;
const shown = 10;

/**
 * Tokenizes every triplet; `index` is its position in `triplets`. Throws WhetstoneError `EMPTY_RESPONSE` and
 * `RESPONSE_TOO_LONG`, each naming the first ten rows concerned and how many there are, and what
 * `encodeTriplet` throws.
 */
export async function encodeExamples(
  triplets: readonly Triplet[],
  { tokenizer, template, cutoffLen }: EncodeSettings,
): Promise<Example[]> {
  refuseEmpty(triplets);
  const cut = { cutoffLength: cutoffLen, bosTokenId: tokenizer.bosTokenId };
  const examples: Example[] = [];
  const tooLong: { readonly triplet: Triplet; readonly error: WhetstoneError }[] = [];
  for (let start = 0; start < triplets.length; start += atOnce) {
    const some = triplets.slice(start, start + atOnce);
    const encoded = await Promise.all(
      some.map((triplet) => {
        const judgment = labelOf(triplet) === 'align-n' ? triplet.judgment : null;
        return encodeTriplet(tokenizer, template, { ...triplet, judgment }, locate(triplet));
      }),
    );
    encoded.forEach((made, i) => {
      const triplet = some[i]!;
      const fitted = truncateTriplet(made, cut);
      if (!fitted.fits) {
        tooLong.push({ triplet, error: responseTooLong(fitted, { ...locate(triplet), field: 'output' }) });
        return;
      }
      examples.push({
        index: start + i,
        label: labelOf(triplet),
        triplet,
        plain: fitted.plain,
        judged: fitted.judged,
        offsets: made.offsets,
        retokenized: made.retokenized,
        dropped: fitted.droppedPlain + fitted.droppedJudged,
      });
    });
  }
  if (tooLong.length === 1) throw tooLong[0]!.error;
  if (tooLong.length > 1) throw manyTooLong(tooLong, cutoffLen);
  return examples;
}

/** "row 12", with the part of the row where a row holds several triplets. Rows count from 1. */
export function describeRow({ source }: Triplet): string {
  return `row ${source.row}${source.part === undefined ? '' : ` (${source.part})`}`;
}

/** What a person wants to know of the examples before they are used. Lengths in tokens, end tokens included. */
export interface ExampleSummary {
  readonly rows: number;
  readonly alignP: number;
  readonly alignN: number;
  /** Rows with a prompt that was cut on the left to fit. */
  readonly truncated: number;
  /** Rows whose response had to be tokenized on its own. */
  readonly retokenized: number;
  readonly responseTokens: number;
  /** The longest sequence that will be run. */
  readonly longest: number;
}

export function summarize(examples: readonly Example[]): ExampleSummary {
  const count = (is: (example: Example) => boolean): number => examples.filter(is).length;
  return {
    rows: examples.length,
    alignP: count(({ label }) => label === 'align-p'),
    alignN: count(({ label }) => label === 'align-n'),
    truncated: count(({ dropped }) => dropped > 0),
    retokenized: count(({ retokenized }) => retokenized !== null),
    responseTokens: examples.reduce((sum, { plain }) => sum + plain.ids.length - plain.responseStart, 0),
    longest: examples.reduce(
      (most, { plain, judged }) => Math.max(most, plain.ids.length, judged?.ids.length ?? 0),
      0,
    ),
  };
}

const locate = ({ source }: Triplet): { file: string; row: number; line?: number } => ({
  file: source.file,
  row: source.row,
  ...(source.line !== undefined && { line: source.line }),
});

function refuseEmpty(triplets: readonly Triplet[]): void {
  const empty = triplets.filter(({ output }) => output.trim() === '');
  const [first] = empty;
  if (first === undefined) return;
  const place = empty.length === 1 ? locate(first) : { file: first.source.file };
  const rows = empty.length === 1 ? '' : ` in ${empty.length} rows: ${list(empty)}`;
  throw new WhetstoneError('EMPTY_RESPONSE', `expected a response, found an empty text${rows}`, {
    ...place,
    field: 'output',
    hint: 'There is nothing to learn from an empty response: remove these rows or fill them in.',
  });
}

function manyTooLong(
  rows: readonly { triplet: Triplet; error: WhetstoneError }[],
  cutoffLen: number,
): WhetstoneError {
  const first = rows[0]!;
  const message = `the responses of ${rows.length} rows leave no room for a prompt within the cut-off of ${cutoffLen} tokens: `;
  return new WhetstoneError('RESPONSE_TOO_LONG', message + list(rows.map(({ triplet }) => triplet)), {
    file: first.triplet.source.file,
    field: 'output',
    hint: 'Raise --cutoff_len (the longest context of the model allowing), or shorten or remove these rows.',
    cause: first.error,
  });
}

function list(triplets: readonly Triplet[]): string {
  const names = triplets.slice(0, shown).map(describeRow).join(', ');
  return triplets.length > shown ? `${names} and ${triplets.length - shown} more` : names;
}
