// Judged triplets as token examples: Align-P and Align-N, and with each Align-N its Misalign. It knows the
// tokenizer's interface, not the engine or the loss.
import type { TokenTriplet } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { ErrorLocation } from '../errors.ts';
import { encodeTriplet } from '../tokens/encode.ts';
import type { EncodedTriplet, Retokenized } from '../tokens/encode.ts';
import type { PromptTemplate } from '../tokens/prompt.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { responseTooLong, truncateTriplet } from '../tokens/truncate.ts';
import type { Span } from '../tokens/unicode.ts';
import type { TokenLengths } from './lengths.ts';
import { labelOf } from './triplet.ts';
import type { Label, Triplet } from './triplet.ts';

/**
 * One triplet ready for the engine. Align-P: `plain` alone. Align-N: `judged` is the response after the prompt
 * with its judgment, and `plain`, the same response after the plain prompt, is its Misalign: in the templates of
 * arXiv 2312.14591 a positive judgment adds nothing to the prompt.
 */
export interface Example extends TokenTriplet {
  readonly label: Label;
  /** Code points of each response token in the response, end token included (empty): shape [response tokens]. */
  readonly offsets: readonly Span[];
  readonly retokenized: Retokenized;
  /** Prompt tokens that truncation dropped, the larger of the two sequences. */
  readonly dropped: number;
}

export interface ExampleSettings {
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  /** Most tokens of a sequence; longer prompts lose their beginning. */
  readonly cutoffLength: number;
  /** Which triplets to take, by position; all if left out. Examples keep the position as their `index`. */
  readonly positions?: ArrayLike<number>;
  /** "throw" (the default) or "skip" triplets with an empty response or one that leaves no room for a prompt. */
  readonly onUnusable?: 'throw' | 'skip';
}

export interface ExampleSummary {
  readonly alignP: number;
  readonly alignN: number;
  /** Examples whose prompt lost tokens. */
  readonly truncated: number;
  /** Examples whose response was tokenized apart from its prompt, by reason. */
  readonly straddling: number;
  readonly contextsDiffer: number;
  /** Triplets left out, by reason. */
  readonly emptyResponses: number;
  readonly tooLong: number;
}

export interface Examples {
  readonly examples: readonly Example[];
  readonly summary: ExampleSummary;
}

// Enough in flight to keep a tokenizer with threads of its own busy, few enough to bound memory.
const IN_FLIGHT = 64;
const SHOWN_UNUSABLE = 10;

/**
 * Encodes and truncates triplets, in order.
 *
 * Throws WhetstoneError `EMPTY_RESPONSE` or `RESPONSE_TOO_LONG` (`UNUSABLE_ROWS` if both kinds occur) that names
 * the rows, unless they are to be skipped; `NO_EXAMPLES` if nothing is left; and what `encodeTriplet` throws.
 */
export async function buildExamples(
  triplets: readonly Triplet[],
  settings: ExampleSettings,
): Promise<Examples> {
  const positions = settings.positions ?? triplets.keys();
  const chosen = Array.from(positions as Iterable<number>);
  const examples: Example[] = [];
  const unusable: WhetstoneError[] = [];
  for (let start = 0; start < chosen.length; start += IN_FLIGHT) {
    const results = await Promise.all(
      chosen.slice(start, start + IN_FLIGHT).map((index) => buildExample(triplets[index]!, index, settings)),
    );
    for (const result of results) {
      if (result instanceof WhetstoneError) unusable.push(result);
      else examples.push(result);
    }
  }
  if (unusable.length > 0 && settings.onUnusable !== 'skip') throw oneError(unusable, chosen.length);
  if (examples.length === 0) {
    throw new WhetstoneError('NO_EXAMPLES', 'no triplet is left to train on', {
      hint: 'Check the data with "whetstone data check".',
    });
  }
  const count = (test: (example: Example) => boolean): number => examples.filter(test).length;
  const left = (code: string): number => unusable.filter((error) => error.code === code).length;
  return {
    examples,
    summary: {
      alignP: count(({ label }) => label === 'align-p'),
      alignN: count(({ label }) => label === 'align-n'),
      truncated: count(({ dropped }) => dropped > 0),
      straddling: count(({ retokenized }) => retokenized === 'straddle'),
      contextsDiffer: count(({ retokenized }) => retokenized === 'contexts-differ'),
      emptyResponses: left('EMPTY_RESPONSE'),
      tooLong: left('RESPONSE_TOO_LONG'),
    },
  };
}

/** One example, or why there cannot be one. */
async function buildExample(
  triplet: Triplet,
  index: number,
  { tokenizer, template, cutoffLength }: ExampleSettings,
): Promise<Example | WhetstoneError> {
  const location = locationOf(triplet);
  if (triplet.output.trim() === '') return emptyResponse(location);
  const encoded = await encodeLabelled(triplet, tokenizer, template);
  const fitted = truncateTriplet(encoded, { cutoffLength, bosTokenId: tokenizer.bosTokenId });
  if (!fitted.fits) return responseTooLong(fitted, { ...location, field: 'output' });
  return {
    index,
    label: labelOf(triplet),
    plain: fitted.plain,
    judged: fitted.judged,
    offsets: encoded.offsets,
    retokenized: encoded.retokenized,
    dropped: Math.max(fitted.droppedPlain, fitted.droppedJudged),
  };
}

/** Encodes a triplet by its label: a satisfactory one has no judged sequence, whatever its judgment says. */
export function encodeLabelled(
  triplet: Triplet,
  tokenizer: Tokenizer,
  template: PromptTemplate,
): Promise<EncodedTriplet> {
  const { instruction, input, output, judgment } = triplet;
  const shown = labelOf(triplet) === 'align-n' ? judgment : null;
  return encodeTriplet(
    tokenizer,
    template,
    { instruction, input, output, judgment: shown },
    locationOf(triplet),
  );
}

/** Counts tokens as training would see them, for `checkFile`. */
export function tokenLengths(
  tokenizer: Tokenizer,
  template: PromptTemplate,
): (triplet: Triplet) => Promise<TokenLengths> {
  return async (triplet) => {
    const { plain, judged, responseIds, retokenized } = await encodeLabelled(triplet, tokenizer, template);
    return {
      prompt: plain.responseStart,
      judgedPrompt: judged?.responseStart ?? null,
      response: responseIds.length,
      retokenized: retokenized !== null,
    };
  };
}

function locationOf({ source }: Triplet): ErrorLocation {
  const { file, row, line } = source;
  return { file, row, ...(line !== undefined && { line }) };
}

function emptyResponse(location: ErrorLocation): WhetstoneError {
  return new WhetstoneError('EMPTY_RESPONSE', 'expected a response, found none', {
    ...location,
    field: 'output',
    hint: 'Remove the row: without a response there is nothing to learn from.',
  });
}

function oneError(errors: readonly WhetstoneError[], rows: number): WhetstoneError {
  const first = errors[0]!;
  if (errors.length === 1) return first;
  const lines = errors.slice(0, SHOWN_UNUSABLE).map((error) => {
    const { row, field } = error.location;
    return `\n    row ${row}, field "${field}": ${error.code === 'EMPTY_RESPONSE' ? 'empty' : 'longer than the cut-off'}`;
  });
  const rest = errors.length - lines.length;
  const code = errors.every((error) => error.code === first.code) ? first.code : 'UNUSABLE_ROWS';
  return new WhetstoneError(
    code,
    `${errors.length} of ${rows} rows cannot be trained on${lines.join('')}${rest > 0 ? `\n    and ${rest} more` : ''}`,
    {
      ...(first.location.file !== undefined && { file: first.location.file }),
      hint:
        code === 'EMPTY_RESPONSE'
          ? 'Remove these rows: without a response there is nothing to learn from.'
          : 'Remove these rows, or raise --cutoff_len for the responses that are too long for it.',
    },
  );
}
