// Judged triplets as token examples: for each the sequences that a method asks for. It knows the tokenizer's
// interface and what each role of a sequence means, not the engine or the loss.
import type { Sequence, TokenExample } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { option } from '../words/option.ts';
import type { Place } from '../errors.ts';
import { endedBy } from '../models/positions.ts';
import type { Role } from '../objectives/objective.ts';
import { encodeResponse, encodeTriplet, tokensFrom } from '../tokens/encode.ts';
import type { EncodedResponse, EncodedTriplet, Retokenized } from '../tokens/encode.ts';
import { markedTokens } from '../tokens/marked.ts';
import { isRefusal, rendered } from '../tokens/prompt.ts';
import type { PromptPieces, PromptTemplate } from '../tokens/prompt.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { responseTooLong, truncateLeft } from '../tokens/truncate.ts';
import {
  instructionWithInput,
  isConversation,
  promptOf,
  requireUnicodeMessages,
} from '../rows/conversation.ts';
import { requireUnicode } from '../rows/unicode.ts';
import type { Span } from '../rows/unicode.ts';
import type { FindingCode } from './findings.ts';
import type { TokenLengths } from './lengths.ts';
import type { LeftOut } from './sound.ts';
import { informedInstruction } from './siblings.ts';
import { labelOf, wordsOf } from './triplet.ts';
import type { Label, Triplet } from './triplet.ts';

/**
 * One triplet ready for the engine, with the sequences of the roles that were asked for:
 * `informed` x, a correct answer, j and a request -> y; `plain` x -> y; `judged` x, j -> y; `praised` x, the template's praise -> y; `revising` x, y, j -> y;
 * `forewarned` x and what was said of y -> y; `critique` x, y -> j; `preferred` x -> the triplet's revision.
 */
export interface Example extends TokenExample {
  readonly label: Label;
  /**
   * Code points of each token of y in y, end token included (empty): shape [response tokens]; no spans where no
   * sequence ends in y.
   */
  readonly offsets: readonly Span[];
  readonly retokenized: Retokenized;
  /** Prompt tokens that truncation dropped, the most of any sequence. */
  readonly dropped: number;
}

export interface ExampleSettings {
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  /** Most tokens of a sequence; longer prompts lose their beginning. */
  readonly cutoffLength: number;
  /** Most tokens that the model has positions for; without bound if left out. */
  readonly maxPositions?: number | undefined;
  /** The field of config.json, other than max_position_embeddings, that ends them. */
  readonly positionsEndedBy?: string | null | undefined;
  /** Which triplets to take, by position; all if left out. Examples keep the position as their `index`. */
  readonly positions?: ArrayLike<number>;
  /** The sequences to build; a triplet with none is left out. Default `contrastRoles`. */
  readonly roles?: (triplet: Triplet) => readonly Role[];
  /** "throw" (the default) or "skip" triplets with an empty response or one that leaves no room for a prompt. */
  readonly onUnusable?: 'throw' | 'skip';
  /** What becomes of triplets that are too long for the cut-off or the model, where all others are usable. */
  readonly longRows?: 'refuse' | 'skip' | undefined;
}

/**
 * Align-P: the plain sequence. Align-N: the response after the prompt with its judgment, and the plain sequence as
 * its Misalign, because in the templates of arXiv 2312.14591 a positive judgment adds nothing to the prompt.
 */
export const contrastRoles = (triplet: Triplet): readonly Role[] =>
  labelOf(triplet) === 'align-n' ? ['plain', 'judged'] : ['plain'];

export interface ExampleSummary {
  readonly alignP: number;
  readonly alignN: number;
  /** Examples whose prompt lost tokens. */
  readonly truncated: number;
  /** Examples whose response was tokenized apart from its prompt, by reason. */
  readonly straddling: number;
  readonly contextsDiffer: number;
  /** Triplets that no sequence was asked for. */
  readonly unused: number;
  /** Triplets left out because they cannot be used, by reason. */
  readonly emptyResponses: number;
  readonly tooLong: number;
}

export interface Examples {
  readonly examples: readonly Example[];
  readonly summary: ExampleSummary;
  /** Triplets that were left out because they are too long. */
  readonly long: readonly LeftOut[];
}

// Enough in flight to keep a tokenizer with threads of its own busy, few enough to bound memory.
const IN_FLIGHT = 64;
const SHOWN_UNUSABLE = 10;

/**
 * Encodes and truncates triplets, in order. Where pairs share a response they share its sequence object.
 *
 * Throws WhetstoneError `EMPTY_RESPONSE`, `RESPONSE_TOO_LONG`, `JUDGMENT_CUT`, `SEQUENCE_TOO_LONG` or, of a
 * conversation that the template does not take, `NO_PLACE_FOR_TURNS` and `BAD_CHAT_TEMPLATE` (`UNUSABLE_ROWS` if
 * several kinds occur) that names the rows, unless they are to be skipped; `NO_EXAMPLES` if nothing is left; and what
 * `encodeTriplet` throws.
 */
export async function buildExamples(
  triplets: readonly Triplet[],
  settings: ExampleSettings,
): Promise<Examples> {
  const positions = settings.positions ?? triplets.keys();
  const chosen = Array.from(positions as Iterable<number>);
  const examples: Example[] = [];
  const unusable: WhetstoneError[] = [];
  const shared: SharedSequences = new Map();
  let unused = 0;
  for (let start = 0; start < chosen.length; start += IN_FLIGHT) {
    const results = await Promise.all(
      chosen
        .slice(start, start + IN_FLIGHT)
        .map((index) => buildExample(triplets[index]!, index, settings, shared)),
    );
    for (const result of results) {
      if (result === null) unused++;
      else if (result instanceof WhetstoneError) unusable.push(result);
      else examples.push(result);
    }
  }
  const refused = unusable.filter((error) => settings.longRows !== 'skip' || !isLong(error));
  if (refused.length > 0 && settings.onUnusable !== 'skip') throw oneError(refused, chosen.length, settings);
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
      unused,
      emptyResponses: left('EMPTY_RESPONSE'),
      tooLong: unusable.filter(isLong).length,
    },
    long: unusable.filter(isLong).map(({ problem, code, place: { row = 0, line, part, field = '' } }) => ({
      row,
      ...(line !== undefined && { line }),
      ...(part !== undefined && { part }),
      field,
      code: longFindings[code]!,
      reason: problem,
    })),
  };
}

/** Findings of rows that are too long, by the errors that refuse them. */
const longFindings: Readonly<Record<string, FindingCode>> = {
  RESPONSE_TOO_LONG: 'unfit-row',
  JUDGMENT_CUT: 'judgment-cut',
  SEQUENCE_TOO_LONG: 'beyond-context',
};

const isLong = ({ code }: WhetstoneError): boolean => Object.hasOwn(longFindings, code);

/** Sequences of whole responses after the plain prompt, by prompt and response. */
type SharedSequences = Map<string, Promise<Fitted | WhetstoneError>>;

interface Fitted extends Omit<EncodedResponse, 'responseIds'> {
  readonly dropped: number;
}

/** One example, null where no sequence is asked for, or why there cannot be one. */
async function buildExample(
  triplet: Triplet,
  index: number,
  settings: ExampleSettings,
  shared: SharedSequences,
): Promise<Example | WhetstoneError | null> {
  const roles = (settings.roles ?? contrastRoles)(triplet);
  if (roles.length === 0) return null;
  const location = triplet.source;
  const { output } = triplet;
  if (output.trim() === '') return emptyResponse(location, 'output');
  for (const field of TEXT_FIELDS) requireUnicode(triplet[field] ?? '', { ...location, field });
  requireUnicodeMessages(triplet.before, location);
  try {
    return await encodeRoles(triplet, index, roles, settings, shared);
  } catch (error) {
    // All rows with such a conversation are told together.
    if (error instanceof WhetstoneError && isConversation(triplet) && isRefusal(error)) return error;
    throw error;
  }
}

async function encodeRoles(
  triplet: Triplet,
  index: number,
  roles: readonly Role[],
  settings: ExampleSettings,
  shared: SharedSequences,
): Promise<Example | WhetstoneError> {
  const { template } = settings;
  const { output, source: location } = triplet;
  const ofResponse = roles.filter((role) => role !== 'critique' && role !== 'preferred');
  const paired = roles.includes('preferred');

  const parts: [readonly Role[], () => Promise<Fitted | WhetstoneError>][] = [];
  if (paired) {
    const { revision = '' } = triplet;
    if (revision.trim() === '') return emptyResponse(location, 'revision');
    const place = { ...location, field: 'revision' };
    parts.push([['preferred'], () => shareFitted(shared, triplet, revision, place, settings)]);
  }
  if (roles.includes('critique')) {
    const prompt = rendered(location, () => template.renderCritique(triplet, output));
    const words = wordsOf(triplet) ?? template.praise;
    const place = { ...location, field: 'judgment' };
    parts.push([['critique'], () => encodeFitted([{ prompt, whole: output }], words, place, settings)]);
  }
  if (ofResponse.length > 0) {
    const place = { ...location, field: 'output' };
    const prompts = rendered(location, () => ofResponse.map((role) => promptFor(role, triplet, template)));
    const fit =
      paired && ofResponse.join() === 'plain'
        ? () => shareFitted(shared, triplet, output, place, settings)
        : () => encodeFitted(prompts, output, place, settings);
    parts.push([ofResponse, fit]);
  }
  const results = await Promise.all(parts.map(([, fit]) => fit()));
  const failed = results.find((result) => result instanceof WhetstoneError);
  if (failed) return failed;
  const fitted = results as Fitted[];
  const sequences = parts.flatMap(([names], part) =>
    names.map((role, i) => [role, fitted[part]!.sequences[i]!] as const),
  );
  const label = labelOf(triplet);
  const offsets = ofResponse.length > 0 ? fitted.at(-1)!.offsets : [];
  const isMarked = label === 'align-n' && (triplet.errors?.length ?? 0) > 0;
  return {
    index,
    label,
    rejected: label === 'align-n',
    sequences: Object.fromEntries(sequences),
    offsets,
    ...(triplet.advantage !== undefined && { advantage: triplet.advantage }),
    ...(isMarked && offsets.length > 0 && { marked: markedTokens(offsets, triplet.errors!) }),
    retokenized: fitted.map(({ retokenized }) => retokenized).find((reason) => reason !== null) ?? null,
    dropped: Math.max(...fitted.map(({ dropped }) => dropped)),
  };
}

const TEXT_FIELDS = ['instruction', 'input', 'output', 'judgment', 'revision'] as const;

interface Prompt {
  readonly prompt: PromptPieces;
  /** What the cut-off must not reach into. */
  readonly whole: string | null;
}

/** What stands before y in a sequence that ends in it. */
function promptFor(role: Role, triplet: Triplet, template: PromptTemplate): Prompt {
  const words = wordsOf(triplet) ?? template.praise;
  switch (role) {
    case 'judged':
      return { prompt: [template.render(triplet, words)], whole: words };
    case 'praised':
      return { prompt: [template.render(triplet, template.praise)], whole: template.praise };
    case 'informed': {
      const { input: _, ...prompt } = triplet;
      const instruction = informedInstruction(instructionWithInput(triplet), { ...triplet, judgment: words });
      return { prompt: [template.render({ ...prompt, instruction }, null)], whole: words };
    }
    case 'forewarned':
      return { prompt: [template.renderForewarned(triplet, words)], whole: words };
    case 'revising':
      return { prompt: template.renderRevision(triplet, triplet.output, words), whole: triplet.output };
    default:
      return { prompt: [template.render(triplet, null)], whole: null };
  }
}

function shareFitted(
  shared: SharedSequences,
  triplet: Triplet,
  response: string,
  location: Place,
  settings: ExampleSettings,
): Promise<Fitted | WhetstoneError> {
  const prompt = rendered(triplet.source, () => settings.template.render(triplet, null));
  const key = `${prompt.length} ${prompt}${response}`;
  const known =
    shared.get(key) ?? encodeFitted([{ prompt: [prompt], whole: null }], response, location, settings);
  shared.set(key, known);
  return known;
}

async function encodeFitted(
  prompts: readonly Prompt[],
  response: string,
  location: Place,
  { tokenizer, template, cutoffLength, maxPositions = Infinity, positionsEndedBy = null }: ExampleSettings,
): Promise<Fitted | WhetstoneError> {
  const pieces = prompts.map(({ prompt }) => prompt);
  const encoded = await encodeResponse(tokenizer, template, pieces, response, location);
  const { sequences, responseIds, offsets, retokenized } = encoded;
  const limits = { cutoffLength, bosTokenId: tokenizer.bosTokenId };
  const cut = sequences.flatMap((sequence) => truncateLeft(sequence, limits) ?? []);
  if (cut.length < sequences.length) {
    return responseTooLong({ responseTokens: responseIds.length, cutoffLength }, location);
  }
  for (const [i, { prompt, whole }] of prompts.entries()) {
    const { sequence, dropped } = cut[i]!;
    if (whole === null || dropped === 0) continue;
    const needed = (await tokensFrom(tokenizer, prompt, whole)) + bosOf(sequence, tokenizer);
    if (needed > sequence.responseStart)
      return judgmentCut(needed + responseIds.length, cutoffLength, location);
  }
  const longest = Math.max(...cut.map(({ sequence }) => sequence.ids.length));
  if (longest > maxPositions)
    return beyondContext(longest, { cutoffLength, maxPositions, positionsEndedBy }, location);
  return {
    sequences: cut.map(({ sequence }) => sequence),
    offsets,
    retokenized,
    dropped: Math.max(...cut.map(({ dropped }) => dropped)),
  };
}

/** A BOS is kept at the front of a shortened prompt, in the place of a token. */
const bosOf = ({ ids }: Sequence, { bosTokenId }: Pick<Tokenizer, 'bosTokenId'>): number =>
  Number(bosTokenId !== null && ids[0] === bosTokenId);

/** Encodes a triplet by its label: a satisfactory one has no judged sequence, whatever its judgment says. */
export function encodeLabelled(
  triplet: Triplet,
  tokenizer: Tokenizer,
  template: PromptTemplate,
): Promise<EncodedTriplet> {
  const { output, judgment } = triplet;
  const shown = labelOf(triplet) === 'align-n' ? judgment : null;
  return encodeTriplet(
    tokenizer,
    template,
    { ...promptOf(triplet), output, judgment: shown },
    triplet.source,
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
      judgment:
        judged === null
          ? 0
          : (await tokensFrom(tokenizer, [template.render(triplet, triplet.judgment)], triplet.judgment!)) +
            bosOf(judged, tokenizer),
      response: responseIds.length,
      retokenized: retokenized !== null,
      largestToken: [...plain.ids, ...(judged?.ids ?? [])].reduce((a, b) => Math.max(a, b), 0),
    };
  };
}

function emptyResponse(location: Place, field: 'output' | 'revision'): WhetstoneError {
  return new WhetstoneError('EMPTY_RESPONSE', 'expected a response, found none', {
    ...location,
    field,
    hint: 'Remove the row: without a response there is nothing to learn from.',
  });
}

function judgmentCut(tokens: number, cutoffLength: number, location: Place): WhetstoneError {
  const problem = `the judgment and what follows it have ${tokens} tokens, response included, and the cut-off of ${cutoffLength} reaches into the judgment`;
  return new WhetstoneError('JUDGMENT_CUT', problem, {
    ...location,
    field: 'judgment',
    hint: remedies['JUDGMENT_CUT']!({ cutoffLength } as ExampleSettings),
  });
}

function beyondContext(
  tokens: number,
  {
    cutoffLength,
    maxPositions,
    positionsEndedBy,
  }: {
    readonly cutoffLength: number;
    readonly maxPositions: number;
    readonly positionsEndedBy: string | null;
  },
  location: Place,
): WhetstoneError {
  const problem = `prompt and response have ${tokens} tokens, and the model takes at most ${maxPositions}${endedBy(positionsEndedBy)}`;
  return new WhetstoneError('SEQUENCE_TOO_LONG', problem, {
    ...location,
    hint:
      `Lower ${option('cutoffLen')} from ${cutoffLength} to ${maxPositions}: prompts then lose their beginning, ` +
      `responses stay whole. Or leave such rows out with the ${option('longRows')} skip.`,
  });
}

const brief: Readonly<Record<string, string>> = {
  EMPTY_RESPONSE: 'empty',
  RESPONSE_TOO_LONG: 'longer than the cut-off',
  SEQUENCE_TOO_LONG: 'longer than the model takes',
  JUDGMENT_CUT: 'a judgment that the cut-off reaches into',
  NO_PLACE_FOR_TURNS: 'a conversation, and the template takes one instruction',
  BAD_CHAT_TEMPLATE: 'a conversation that the chat template refuses',
};

const noPlaceRemedy = (): string =>
  `Use the ${option('template')} chat with a model whose chat template takes such conversations, or leave these rows out.`;

const remedies: Readonly<Record<string, (settings: ExampleSettings) => string>> = {
  EMPTY_RESPONSE: () => 'Remove these rows: without a response there is nothing to learn from.',
  RESPONSE_TOO_LONG: () =>
    `Raise ${option('cutoffLen')} for the responses that are too long for it, or leave these rows out with the ${option('longRows')} skip.`,
  SEQUENCE_TOO_LONG: ({ cutoffLength, maxPositions }) =>
    `Lower ${option('cutoffLen')} from ${cutoffLength} to ${maxPositions}: prompts then lose their beginning, responses stay whole. ` +
    `Or leave these rows out with the ${option('longRows')} skip.`,
  JUDGMENT_CUT: () =>
    `Raise ${option('cutoffLen')} so that judgment and response fit together, or leave these rows out with the ${option('longRows')} skip.`,
  NO_PLACE_FOR_TURNS: noPlaceRemedy,
  BAD_CHAT_TEMPLATE: noPlaceRemedy,
};

function oneError(
  errors: readonly WhetstoneError[],
  rows: number,
  settings: ExampleSettings,
): WhetstoneError {
  const first = errors[0]!;
  if (errors.length === 1) return first;
  const codes = [...new Set(errors.map(({ code }) => code))];
  const [code] = codes.length === 1 ? codes : ['UNUSABLE_ROWS'];
  return new WhetstoneError(code!, `${errors.length} of ${rows} rows cannot be used`, {
    ...(first.place.file !== undefined && { file: first.place.file }),
    problems: errors.map(({ code: wrong, place: { row, part, field } }) => ({
      ...(row !== undefined && { row }),
      ...(part !== undefined && { part }),
      ...(field !== undefined && { field }),
      problem: brief[wrong]!,
    })),
    shown: SHOWN_UNUSABLE,
    hint: codes.map((each) => remedies[each]!(settings)).join(' '),
  });
}
