// POST /v1/completions: texts and token lists continued as they stand, and scored where they are echoed.
// Knows the fields and replies of that endpoint.
import { randomUUID } from 'node:crypto';
import type { TextPiece } from '../generation/index.ts';
import { badRequest, blaming } from './api-error.ts';
import { finishReason, generateChoices, responseRoom } from './choices.ts';
import type { Endpoint, Usage } from './endpoint.ts';
import { sum, usageBody } from './endpoint.ts';
import { booleanField, invalidType, invalidValue, numberField } from './fields.ts';
import { readGenerationFields } from './generation-fields.ts';
import { completionLogProbs } from './log-probs.ts';
import type { CompletionLogProbs, PlacedToken } from './log-probs.ts';
import type { ServedModel } from './served-model.ts';

/** A prompt with what is told of it when it is echoed. */
interface Prompt {
  readonly ids: Int32Array;
  readonly text: string;
}

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
  const bestOf = numberField(given, 'best_of', { min: 1, integer: true });
  if (bestOf !== null && bestOf !== fields.n)
    throw badRequest("'best_of' is not supported unless it equals 'n'.", 'best_of', 'unsupported_value');
  const prompts = await readPrompts(model, given['prompt'] ?? null);
  if (prompts.length * fields.n > mostTexts)
    throw invalidValue('prompt', `at most ${mostTexts} prompts, each counted 'n' times`);
  const rooms = prompts.map(({ ids }) =>
    responseRoom(model, ids.length, asked, { usual: usualTokens, most: maxNewTokens }, 'prompt'),
  );

  const common = {
    id: `cmpl-${randomUUID().replaceAll('-', '')}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: model.id,
    system_fingerprint: model.fingerprint,
  };
  const settings = { ...{ fields, topLogProbs, signal, continues: true }, maxNewTokens: rooms };
  const allIds = prompts.map(({ ids }) => ids);
  const usageOf = (choices: readonly { readonly ids: Int32Array }[]): Usage => ({
    promptTokens: sum(allIds.map(({ length }) => length)),
    completionTokens: sum(choices.map(({ ids }) => ids.length)),
  });
  /** What comes before the generated text of each choice, and the log-prob lists that go on behind it. */
  const openChoices = async (): Promise<Opened[]> => {
    const scored = echo && topLogProbs !== null ? await scorePrompts(model, prompts) : null;
    signal.throwIfAborted();
    return prompts.flatMap((prompt, p) =>
      Array.from({ length: fields.n }, () => ({
        list: completionLogProbs(model.textOf),
        piece: echo ? { text: prompt.text, tokens: scored?.[p] ?? [] } : null,
      })),
    );
  };

  if (!fields.stream) {
    const opened = await openChoices();
    const tokens: PlacedToken[][] = opened.map(({ piece }) => [...(piece?.tokens ?? [])]);
    const choices = await generateChoices(model, allIds, {
      ...settings,
      ...(topLogProbs !== null && {
        onText: (index: number, piece: TextPiece) => void tokens[index]!.push(...piece.tokens),
      }),
    });
    const usage = usageOf(choices);
    const body = {
      ...common,
      choices: await Promise.all(
        choices.map(async (choice, index) => {
          const { list, piece } = opened[index]!;
          const text = (piece?.text ?? '') + choice.text;
          const logprobs = topLogProbs === null ? null : await list.add(tokens[index]!, text);
          return { text, index, logprobs, finish_reason: finishReason(choice) };
        }),
      ),
      usage: usageBody(usage),
    };
    return { kind: 'body', body, usage };
  }

  return {
    kind: 'stream',
    run: async (send) => {
      const chunk = (choices: readonly object[], usage: object | null): void =>
        send({ ...common, choices, ...(fields.includeUsage && { usage }) });
      const part = (
        index: number,
        text: string,
        logprobs: CompletionLogProbs | null,
        reason: string | null,
      ): void => chunk([{ text, index, logprobs, finish_reason: reason }], null);
      const opened = await openChoices();
      const tell = async (index: number, text: string, tokens: readonly PlacedToken[]): Promise<void> =>
        part(index, text, topLogProbs === null ? null : await opened[index]!.list.add(tokens, text), null);
      for (const [index, { piece }] of opened.entries())
        if (piece) await tell(index, piece.text, piece.tokens);
      const choices = await generateChoices(model, allIds, {
        ...settings,
        onText: (index, { text, tokens }) => tell(index, text, tokens),
        onEnd: (index, choice) => part(index, '', null, finishReason(choice)),
      });
      const usage = usageOf(choices);
      if (fields.includeUsage) chunk([], usageBody(usage));
      return usage;
    },
  };
};

interface Opened {
  readonly list: ReturnType<typeof completionLogProbs>;
  readonly piece: { readonly text: string; readonly tokens: readonly PlacedToken[] } | null;
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
