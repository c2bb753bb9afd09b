// POST /v1/completions: texts and token lists continued as they stand, and scored where they are echoed.
// Knows the fields and replies of that endpoint.
import { badRequest, blaming } from './api-error.ts';
import { finishReason, responseRoom } from './choices.ts';
import { completionReply } from './completion-reply.ts';
import type { ChoiceFormat, ReplyNames } from './completion-reply.ts';
import type { Endpoint } from './endpoint.ts';
import { booleanField, invalidType, invalidValue, numberField } from './fields.ts';
import type { Fields } from '../rows/fields.ts';
import { readGenerationFields } from './generation-fields.ts';
import { completionLogProbs } from './log-probs.ts';
import type { CompletionLogProbList, PlacedToken } from './log-probs.ts';
import type { ServedModel } from './served-model.ts';

/** A prompt with what is told of it when it is echoed. */
interface Prompt {
  readonly ids: Int32Array;
  readonly text: string;
}

const names: ReplyNames = { id: 'cmpl', body: 'text_completion', chunk: 'text_completion' };

/** What the API takes where a request says nothing. */
const usualTokens = 16;
const mostLogProbs = 5;
/** Of a request: prompts times choices. */
const mostTexts = 2048;

export const completions: Endpoint = async ({ model, fields: given, maxNewTokens, signal }) => {
  const fields = readGenerationFields(given);
  const echo = booleanField(given, 'echo');
  const topLogProbs = numberField(given, 'logprobs', { min: 0, max: mostLogProbs, integer: true });
  const asked = {
    tokens: numberField(given, 'max_tokens', { min: 0, integer: true }),
    field: 'max_tokens',
  };
  refuseBestOf(given, fields.n);
  const prompts = await readPrompts(model, given['prompt'] ?? null);
  if (prompts.length * fields.n > mostTexts)
    throw invalidValue('prompt', `at most ${mostTexts} prompts, each counted 'n' times`);
  const rooms = prompts.map(({ ids }) =>
    responseRoom(model, ids.length, asked, { usual: usualTokens, most: maxNewTokens }, 'prompt'),
  );
  return completionReply({ model, signal }, names, {
    prompts: prompts.map(({ ids }) => ids),
    fields,
    maxNewTokens: rooms,
    topLogProbs,
    continues: true,
    openFormat: async () => {
      const scored = echo && topLogProbs !== null ? await scorePrompts(model, prompts) : null;
      signal.throwIfAborted();
      const opened = prompts.flatMap((prompt, p) =>
        Array.from({ length: fields.n }, () => ({
          list: topLogProbs === null ? null : completionLogProbs(model.textOf),
          echoed: echo ? { text: prompt.text, tokens: scored?.[p] ?? [] } : null,
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
  readonly echoed: { readonly text: string; readonly tokens: readonly PlacedToken[] } | null;
}

function textFormat(opened: readonly Opened[]): ChoiceFormat {
  const part = async (
    index: number,
    text: string,
    tokens: readonly PlacedToken[],
    reason: string | null = null,
  ): Promise<object> => ({
    text,
    index,
    logprobs: (await opened[index]!.list?.add(tokens, text)) ?? null,
    finish_reason: reason,
  });
  return {
    whole: (index, choice, tokens) => {
      const { text = '', tokens: before = [] } = opened[index]!.echoed ?? {};
      return part(index, text + choice.text, [...before, ...tokens], finishReason(choice));
    },
    opening: () =>
      Promise.all(
        opened.flatMap(({ echoed }, index) => (echoed ? [part(index, echoed.text, echoed.tokens)] : [])),
      ),
    part: (index, { text, tokens }) => part(index, text, tokens),
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

/** Field `prompt`: a text, a list of texts, a list of token ids, or a list of such lists. */
async function readPrompts(model: ServedModel, value: unknown): Promise<Prompt[]> {
  if (value === null) return [await textPrompt(model, '')];
  if (typeof value === 'string') return [await textPrompt(model, value)];
  const expected = 'a string, an array of strings, an array of token ids, or an array of these';
  if (!Array.isArray(value)) throw invalidType('prompt', expected, value);
  const items: unknown[] = value;
  if (items.length === 0) throw invalidValue('prompt', 'at least one string or token id');
  if (items.every((item) => typeof item === 'number')) return [await tokenPrompt(model, items)];
  return Promise.all(
    items.map((item) => {
      if (typeof item === 'string') return textPrompt(model, item);
      if (Array.isArray(item) && item.length > 0 && item.every((id) => typeof id === 'number'))
        return tokenPrompt(model, item);
      throw invalidType('prompt', expected, item);
    }),
  );
}

async function textPrompt({ tokenizer }: ServedModel, text: string): Promise<Prompt> {
  const { ids } = await blaming('prompt', () => tokenizer.encode(text));
  // A tokenizer that ends every text with its end token would have the model start a new one.
  const open =
    ids.at(-1) === tokenizer.eosTokenId && !(await endsInEndToken(tokenizer, text)) ? ids.slice(0, -1) : ids;
  // Nothing at all stands for the beginning of a document.
  return { ids: open.length > 0 ? open : Int32Array.of(tokenizer.bosTokenId ?? tokenizer.eosTokenId), text };
}

async function endsInEndToken(tokenizer: ServedModel['tokenizer'], text: string): Promise<boolean> {
  return text.endsWith(await tokenizer.decode([tokenizer.eosTokenId]));
}

async function tokenPrompt({ tokenizer, vocabSize }: ServedModel, ids: readonly number[]): Promise<Prompt> {
  if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize))
    throw invalidValue('prompt', `token ids from 0 to ${vocabSize - 1}`);
  return { ids: Int32Array.from(ids), text: await tokenizer.decode(ids, { skipSpecialTokens: true }) };
}
