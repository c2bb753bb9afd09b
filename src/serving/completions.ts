// POST /v1/completions: texts and token lists continued as they stand, and scored where they are echoed.
// Knows the fields and replies of that endpoint.
import { badRequest, blaming } from './api-error.ts';
import { textAndOffsets } from '../generation/index.ts';
import { finishReason, requireRoomForLeast, responseRoom, tokenizerFor } from './choices.ts';
import { completionReply } from './completion-reply.ts';
import type { ChoiceFormat, ReplyNames } from './completion-reply.ts';
import type { Endpoint } from './endpoint.ts';
import { booleanField, invalidType, invalidValue, numberField } from './fields.ts';
import type { Fields } from '../rows/fields.ts';
import { readGenerationFields } from './generation-fields.ts';
import { completionLogProbs } from './log-probs.ts';
import type { CompletionLogProbList, PlacedToken } from './log-probs.ts';
import { completionFields, requireKnownFields } from './request-fields.ts';
import type { ServedModel } from './served-model.ts';

/** A prompt with what is told of it when it is echoed. */
interface Prompt {
  readonly ids: Int32Array;
  /** The text, and where each token begins in it, in code points. Looked up when it is wanted. */
  readonly told: () => Promise<{ readonly text: string; readonly offsets: readonly number[] }>;
}

const names: ReplyNames = { id: 'cmpl', body: 'text_completion', chunk: 'text_completion' };

/** What the API takes where a request says nothing. */
const usualTokens = 16;
const mostLogProbs = 5;
/** Of a request: prompts times choices. */
const mostTexts = 2048;

export const completions: Endpoint = async ({ model, fields: given, maxNewTokens, signal, onEncoded }) => {
  requireKnownFields(given, completionFields);
  const fields = readGenerationFields(given, model);
  const echo = booleanField(given, 'echo');
  const topLogProbs = numberField(given, 'logprobs', { min: 0, max: mostLogProbs, integer: true });
  const asked = {
    tokens: numberField(given, 'max_tokens', { min: 0, integer: true }),
    field: 'max_tokens',
  };
  refuseBestOf(given, fields.n);
  const asking = { ...model, tokenizer: tokenizerFor(model, 'prompt', signal) };
  const prompts = await readPrompts(asking, given['prompt'] ?? null, {
    most: Math.floor(mostTexts / fields.n),
    addSpecialTokens: booleanField(given, 'add_special_tokens', true),
  });
  onEncoded();
  const rooms = prompts.map(({ ids }) =>
    responseRoom(model, ids.length, asked, { usual: usualTokens, most: maxNewTokens }, 'prompt'),
  );
  for (const room of rooms) requireRoomForLeast(fields.sampling.minTokens ?? 0, room);
  return completionReply({ model, signal }, names, {
    prompts: prompts.map(({ ids }) => ids),
    fields,
    maxNewTokens: rooms,
    topLogProbs,
    continues: true,
    openFormat: async () => {
      const scored = echo && topLogProbs !== null ? await scorePrompts(model, prompts) : null;
      signal.throwIfAborted();
      const told = echo ? await Promise.all(prompts.map((prompt) => prompt.told())) : null;
      const echoed = told?.map(({ text, offsets }, p) => ({
        text,
        tokens: (scored?.[p] ?? []).map((token, i) => ({ ...token, offset: offsets[i]! })),
      }));
      const opened = prompts.flatMap((_, p) =>
        Array.from({ length: fields.n }, () => ({
          list: topLogProbs === null ? null : completionLogProbs(model.textOf),
          echoed: echoed?.[p] ?? null,
        })),
      );
      return textFormat(opened);
    },
  });
};

/** A choice before anything is generated for it. */
interface Opened {
  /** Makes its log-probs, part by part; null where nobody asked for them. */
  readonly list: CompletionLogProbList | null;
  /** Its prompt, where that is to be told before it. */
  readonly echoed: Told | null;
}

/** A part of a choice's text, with the tokens that are told with it. */
interface Told {
  readonly text: string;
  readonly tokens: readonly PlacedToken[];
}

function textFormat(opened: readonly Opened[]): ChoiceFormat {
  const part = async (
    index: number,
    text: string,
    told: readonly Told[],
    reason: string | null = null,
  ): Promise<object> => ({
    text,
    index,
    logprobs: (await opened[index]!.list?.add(told)) ?? null,
    finish_reason: reason,
  });
  return {
    whole: (index, choice, pieces) => {
      const { echoed } = opened[index]!;
      const told = echoed === null ? pieces : [echoed, ...pieces];
      return part(index, (echoed?.text ?? '') + choice.text, told, finishReason(choice));
    },
    opening: () =>
      Promise.all(
        opened.flatMap(({ echoed }, index) => (echoed ? [part(index, echoed.text, [echoed])] : [])),
      ),
    part: (index, piece) => part(index, piece.text, [piece]),
    end: (index, choice) => ({ text: '', index, logprobs: null, finish_reason: finishReason(choice) }),
  };
}

function refuseBestOf(given: Fields, n: number): void {
  const bestOf = numberField(given, 'best_of', { min: 1, integer: true });
  if (bestOf !== null && bestOf !== n)
    throw badRequest("'best_of' is not supported unless it equals 'n'.", 'best_of', 'unsupported_value');
}

/** The tokens of each prompt with the log-prob of each behind those before it; the first has none. */
async function scorePrompts({ engine }: ServedModel, prompts: readonly Prompt[]): Promise<PlacedToken[][]> {
  const longer = prompts.filter(({ ids }) => ids.length > 1);
  const scores = await engine.score(longer.map(({ ids }) => ({ ids, responseStart: 1 })));
  return prompts.map((prompt) => {
    const logProbs = scores[longer.indexOf(prompt)];
    return Array.from(prompt.ids, (id, i) => ({ id, logProb: i === 0 ? null : logProbs![i - 1]!, top: [] }));
  });
}

interface PromptSettings {
  readonly most: number;
  readonly addSpecialTokens: boolean;
}

/** Field `prompt`: a text, a list of texts, a list of token ids, or a list of such lists. */
async function readPrompts(model: ServedModel, value: unknown, settings: PromptSettings): Promise<Prompt[]> {
  if (value === null) return [await textPrompt(model, '', settings)];
  if (typeof value === 'string') return [await textPrompt(model, value, settings)];
  const expected = 'a string, an array of strings, an array of token ids, or an array of these';
  if (!Array.isArray(value)) throw invalidType('prompt', expected, value);
  const items: unknown[] = value;
  if (items.length === 0) throw invalidValue('prompt', 'at least one string or token id');
  if (items.every((item) => typeof item === 'number')) return [tokenPrompt(model, items)];
  if (items.length > settings.most)
    throw invalidValue('prompt', `at most ${mostTexts} prompts, each counted 'n' times`);
  const wrong = items.find((item) => typeof item !== 'string' && !isTokenList(item));
  if (wrong !== undefined) throw invalidType('prompt', expected, wrong);
  const prompts: Prompt[] = [];
  for (const item of items)
    prompts.push(
      typeof item === 'string'
        ? await textPrompt(model, item, settings)
        : tokenPrompt(model, item as readonly number[]),
    );
  return prompts;
}

const isTokenList = (item: unknown): boolean =>
  Array.isArray(item) && item.length > 0 && item.every((id) => typeof id === 'number');

async function textPrompt(
  { tokenizer }: ServedModel,
  text: string,
  { addSpecialTokens }: PromptSettings,
): Promise<Prompt> {
  const { ids, offsets } = await blaming('prompt', () => tokenizer.encode(text, { addSpecialTokens }));
  // A tokenizer that ends every text with its end token would have the model start a new one.
  const open =
    ids.at(-1) === tokenizer.eosTokenId && !(await endsInEndToken(tokenizer, text)) ? ids.slice(0, -1) : ids;
  // Nothing at all stands for the beginning of a document.
  const begun = open.length > 0 ? open : Int32Array.of(tokenizer.bosTokenId ?? tokenizer.eosTokenId);
  const starts = Array.from(begun, (_, i) => offsets[i]?.[0] ?? 0);
  return { ids: begun, told: () => Promise.resolve({ text, offsets: starts }) };
}

async function endsInEndToken(tokenizer: ServedModel['tokenizer'], text: string): Promise<boolean> {
  return text.endsWith(await tokenizer.decode([tokenizer.eosTokenId]));
}

function tokenPrompt({ tokenizer, vocabSize, maxPositions }: ServedModel, ids: readonly number[]): Prompt {
  // Too many are refused for their number, without a look at each of a million.
  if (ids.length <= maxPositions && !ids.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize))
    throw invalidValue('prompt', `token ids from 0 to ${vocabSize - 1}`);
  return { ids: Int32Array.from(ids), told: () => textAndOffsets(tokenizer, ids) };
}
