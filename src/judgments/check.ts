// The analysis behind `whetstone data check`: counts, lengths, truncation and everything suspicious in a file.
// It knows nothing of the terminal.
import { WhetstoneError } from '../errors.ts';
import { codePointLength } from '../rows/unicode.ts';
import { FINDING_TITLES, finding, SEVERITIES, suspicionFinder } from './findings.ts';
import type { Finding, FindingCode } from './findings.ts';
import { checkOptions } from '../options/check.ts';
import { checkEntry } from './options.ts';
import { fit, longestOf, spreadOf } from './lengths.ts';
import type { Spread, TokenLengths } from './lengths.ts';
import { readTriplets } from './read.ts';
import type { ReadOptions, TripletFile } from './read.ts';
import type { RowProblem } from '../rows/problems.ts';
import { halfCharacterAt } from '../rows/text.ts';
import { conversationText, isConversation } from '../rows/conversation.ts';
import type { ResponseEnd } from '../tokens/encode.ts';
import { isRefusal } from '../tokens/prompt.ts';
import { labelOf, labelReason } from './triplet.ts';
import type { LabelReason, Triplet } from './triplet.ts';

export interface CheckOptions {
  /** Lengths of a triplet in tokens; without it only characters are counted. May throw for text it cannot take. */
  readonly tokenLengths?: (triplet: Triplet) => Promise<TokenLengths>;
  /** What ends a response; needs `tokenLengths`. */
  readonly end?: ResponseEnd;
  /** Most tokens of a sequence; needs `tokenLengths`. */
  readonly cutoffLength?: number;
  /** Most tokens that the model has positions for; needs `tokenLengths`. */
  readonly maxPositions?: number | undefined;
  /** How many tokens the model has embeddings for; needs `tokenLengths`. */
  readonly vocabSize?: number | undefined;
  /** Hears how many triplets have been counted in tokens. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface DataReport {
  readonly file: string;
  readonly format: string;
  readonly layout: string;
  readonly rows: number;
  readonly triplets: number;
  readonly satisfactory: number;
  readonly unsatisfactory: number;
  /** Triplets by the clause of the label rule that decided. */
  readonly reasons: Readonly<Record<LabelReason, number>>;
  /** Triplets with marked errors, and how many marks those have. */
  readonly marked: number;
  readonly marks: number;
  /** Parts of rows that the layout left out, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Code points; input and earlier messages count to the instruction, judgments are those of unsatisfactory rows. */
  readonly characters: {
    readonly instruction: Spread | null;
    readonly response: Spread | null;
    readonly judgment: Spread | null;
  };
  /** Null if no tokenizer was given. */
  readonly tokens: TokenReport | null;
  readonly findings: readonly Finding[];
  /** How often each code was found, in the order of FINDING_TITLES; codes that were not found are absent. */
  readonly counts: Readonly<Partial<Record<FindingCode, number>>>;
}

export interface TokenReport {
  /** What ends a response in training and generation; null where nobody said. */
  readonly end: ResponseEnd | null;
  readonly prompt: Spread | null;
  readonly judgedPrompt: Spread | null;
  readonly response: Spread | null;
  /** Responses tokenized apart from their prompt. */
  readonly retokenized: number;
  /** Triplets that could not be tokenized; each has a finding. */
  readonly failed: number;
  readonly cutoffLength: number | null;
  readonly truncated: number;
  readonly unfit: number;
  /** Most tokens that the model takes, and rows that are longer; null where nobody said. */
  readonly maxPositions: number | null;
  readonly beyond: number;
}

/** Reads a file, leaving out rows with problems, which become findings, and checks what is left. */
export async function checkFile(
  path: string,
  options: CheckOptions & Omit<ReadOptions, 'onProblem'> = {},
): Promise<DataReport> {
  const { format, layout, onRead, ...ofTokens } = options;
  checkOptions(checkEntry, options);
  return checkTriplets(await readTriplets(path, { format, layout, onRead, onProblem: 'collect' }), ofTokens);
}

/** Checks triplets that have been read. */
export async function checkTriplets(data: TripletFile, options: CheckOptions = {}): Promise<DataReport> {
  const { triplets } = data;
  const unreadable = data.problems.map(unreadableRow);
  const { report: tokens, findings: lengthFindings } = await measure(triplets, options);
  const findings = [...unreadable, ...triplets.flatMap(suspicionFinder()), ...lengthFindings];
  const reasons: Record<LabelReason, number> = {
    'no-judgment': 0,
    'begins-with-perfect': 0,
    score: 0,
    judgment: 0,
  };
  for (const triplet of triplets) reasons[labelReason(triplet)]++;
  return {
    file: data.file,
    format: data.format,
    layout: data.layout,
    rows: data.rows,
    triplets: triplets.length,
    satisfactory: triplets.length - reasons.judgment,
    unsatisfactory: reasons.judgment,
    reasons,
    marked: triplets.filter(({ errors = [] }) => errors.length > 0).length,
    marks: triplets.reduce((sum, { errors = [] }) => sum + errors.length, 0),
    skipped: data.skipped,
    characters: characterLengths(triplets),
    tokens,
    findings,
    counts: countCodes(findings),
  };
}

/** What could not be read, as a finding. */
export const unreadableRow = ({ source, field, expected, found }: RowProblem): Finding => ({
  code: 'invalid-row',
  severity: SEVERITIES['invalid-row'],
  ...source,
  field,
  message: `expected ${expected}, found ${found}`,
  excerpt: '',
});

function characterLengths(triplets: readonly Triplet[]): DataReport['characters'] {
  const negatives = triplets.filter((triplet) => labelOf(triplet) === 'align-n');
  return {
    instruction: spreadOf(
      triplets.map(({ instruction, input, before = [] }) =>
        [instruction, input ?? '', ...before.map(({ content }) => content)]
          .map(codePointLength)
          .reduce((sum, length) => sum + length, 0),
      ),
    ),
    response: spreadOf(triplets.map(({ output }) => codePointLength(output))),
    judgment: spreadOf(negatives.map(({ judgment }) => codePointLength(judgment ?? ''))),
  };
}

function countCodes(findings: readonly Finding[]): DataReport['counts'] {
  const counts = new Map<FindingCode, number>();
  for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1);
  const order = Object.keys(FINDING_TITLES) as FindingCode[];
  return Object.fromEntries(order.flatMap((code) => (counts.has(code) ? [[code, counts.get(code)!]] : [])));
}

async function measure(
  triplets: readonly Triplet[],
  options: CheckOptions,
): Promise<{ report: TokenReport | null; findings: Finding[] }> {
  const { tokenLengths, cutoffLength, end, maxPositions, onProgress } = options;
  if (!tokenLengths) return { report: null, findings: [] };
  const findings: Finding[] = [];
  const lengths: TokenLengths[] = [];
  for (const [i, triplet] of triplets.entries()) {
    onProgress?.(i, triplets.length);
    const { length, found } = await measureTriplet(triplet, { ...options, tokenLengths });
    if (length !== null) lengths.push(length);
    findings.push(...found);
  }
  const count = (...codes: FindingCode[]): number =>
    findings.filter(({ code }) => codes.includes(code)).length;
  return {
    findings,
    report: {
      end: end ?? null,
      prompt: spreadOf(lengths.map(({ prompt }) => prompt)),
      judgedPrompt: spreadOf(
        lengths.flatMap(({ judgedPrompt }) => (judgedPrompt === null ? [] : [judgedPrompt])),
      ),
      response: spreadOf(lengths.map(({ response }) => response)),
      retokenized: lengths.filter(({ retokenized }) => retokenized).length,
      failed: triplets.length - lengths.length,
      cutoffLength: cutoffLength ?? null,
      truncated: count('truncated-prompt'),
      unfit: count('unfit-row', 'judgment-cut'),
      maxPositions: maxPositions ?? null,
      beyond: count('beyond-context'),
    },
  };
}

export interface Measured {
  /** Null for a triplet that cannot be tokenized. */
  readonly length: TokenLengths | null;
  readonly found: readonly Finding[];
}

/** The lengths of one triplet, and what the cut-off and the model make of them. */
export async function measureTriplet(
  triplet: Triplet,
  {
    tokenLengths,
    cutoffLength = Infinity,
    vocabSize = Infinity,
    maxPositions = Infinity,
  }: Pick<CheckOptions, 'cutoffLength' | 'vocabSize' | 'maxPositions'> &
    Required<Pick<CheckOptions, 'tokenLengths'>>,
): Promise<Measured> {
  // Half characters cannot be tokenized; suspicionsOf names them.
  if (hasHalfCharacter(triplet)) return { length: null, found: [] };
  const length = await tokenLengths(triplet).catch((error: unknown) => {
    const found = error instanceof WhetstoneError ? untokenized(error, triplet) : null;
    if (found === null) throw error;
    return found;
  });
  if ('code' in length) return { length: null, found: [length] };
  const found: Finding[] = [];
  if (length.largestToken >= vocabSize) {
    const message = `the tokenizer gives token ${length.largestToken}, and the model has ${vocabSize}, counted from 0`;
    found.push(finding('outside-vocabulary', triplet, 'output', message, triplet.output));
  }
  const outcome = fit(length, cutoffLength, maxPositions);
  if (outcome === 'unfit') {
    const message = `${length.response} tokens with its end token; the cut-off is ${cutoffLength}`;
    found.push(finding('unfit-row', triplet, 'output', message, triplet.output));
  } else if (outcome === 'cut') {
    const message = `the judgment and what follows it have ${length.response + (length.judgment ?? 0)} tokens; the cut-off is ${cutoffLength}`;
    found.push(finding('judgment-cut', triplet, 'judgment', message, triplet.judgment));
  } else if (outcome === 'beyond') {
    const tokens = Math.min(longestOf(length), cutoffLength);
    const message = `${tokens} tokens with its prompt; the model takes ${maxPositions}, to which the cut-off can be lowered`;
    found.push(finding('beyond-context', triplet, 'output', message, triplet.output));
  } else if (outcome === 'truncated') {
    const longest = longestOf(length);
    const message = `${longest} tokens; ${longest - cutoffLength} of the prompt's first are dropped${isConversation(triplet) ? ', which are what was said first' : ''}`;
    found.push(finding('truncated-prompt', triplet, 'instruction', message, triplet.instruction));
  }
  return { length, found };
}

/** What a template that cannot render a row means for it; null for other errors. */
function untokenized(error: WhetstoneError, triplet: Triplet): Finding | null {
  if (error.code === 'RESPONSE_CHANGED') {
    const message = 'the template changes more than the white space at its ends';
    return finding('changed-response', triplet, 'output', message, triplet.output);
  }
  if (!(isRefusal(error) && isConversation(triplet))) return null;
  return finding('no-place-for-turns', triplet, 'messages', error.problem, conversationText(triplet));
}

function hasHalfCharacter({ instruction, input, before = [], output, judgment }: Triplet): boolean {
  const said = before.map(({ content }) => content);
  return [instruction, input, ...said, output, judgment].some(
    (text) => text != null && halfCharacterAt(text) >= 0,
  );
}
