// Prompts and finished conversations against those of transformers' apply_chat_template; see generate.py.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generateText } from '../../../src/generation/index.ts';
import type { GenerationRequest } from '../../../src/engine/engine.ts';
import type { WhetstoneError } from '../../../src/errors.ts';
import type { Message, PromptText } from '../../../src/rows/conversation.ts';
import { encodePrompt, encodeTriplet, JUDGED_REQUEST, loadTemplate } from '../../../src/tokens/index.ts';
import type { TemplateArgs } from '../../../src/tokens/index.ts';
import { load } from '../../../src/tokens/test-tokenizers.ts';

/** What stands behind the first so many ids of the prompt. */
type Behind = readonly [same: number, rest: readonly number[]];

type Talk = {
  readonly args: TemplateArgs;
  readonly turns: number;
  readonly system: boolean;
} & (
  | { readonly refused: true }
  | {
      readonly refused?: undefined;
      readonly prompt: readonly number[];
      readonly judged: Behind;
      readonly finished: Behind;
      readonly changed: boolean;
    }
);

interface Golden {
  readonly talk: {
    readonly system: string;
    readonly turns: readonly (readonly [asked: string, answered: string])[];
    readonly request: string;
    readonly judgment: string;
  };
  readonly instruction: string;
  readonly tokenizers: Readonly<Record<string, string>>;
  readonly shapes: readonly {
    readonly name: string;
    readonly tokenizer: string;
    readonly config: { readonly eos_token: string };
    /** The token that ends a turn; null where the template writes none. */
    readonly end: string | null;
    readonly talks: readonly Talk[];
    readonly conversations: readonly {
      readonly args: TemplateArgs;
      readonly response: string;
      readonly prompt: number[];
      readonly ids: number[];
      /** Whether the response is another text in the conversation, white space at its ends aside. */
      readonly changed: boolean;
    }[];
  }[];
}
const golden = JSON.parse(readFileSync(new URL('chats.json', import.meta.url), 'utf8')) as Golden;
const { instruction } = golden;

test('there are templates of twelve shapes and more', () => {
  expect(golden.shapes.length).toBeGreaterThan(12);
});

test('most templates take conversations, some no system message', () => {
  const taken = (system: boolean): number =>
    golden.shapes.filter(({ talks }) => talks.some((talk) => talk.system === system && !talk.refused)).length;
  expect(taken(false)).toBe(golden.shapes.length);
  expect(taken(true)).toBeGreaterThanOrEqual(8);
  expect(taken(true)).toBeLessThan(golden.shapes.length);
  expect(golden.talk.request).toBe(JUDGED_REQUEST);
});

/** A conversation of the golden file as a row. */
function talkRow({ turns, system }: Talk): PromptText & { readonly output: string } {
  const { talk } = golden;
  const said = talk.turns.slice(0, turns);
  const [instruction, output] = said.at(-1)!;
  const before: Message[] = [
    ...(system ? [{ role: 'system', content: talk.system } as const] : []),
    ...said.slice(0, -1).flatMap(([asked, answered]): Message[] => [
      { role: 'user', content: asked },
      { role: 'assistant', content: answered },
    ]),
  ];
  return { instruction, before, output };
}

describe.each(golden.shapes)('$name', ({ tokenizer: json, config, end, conversations, talks }) => {
  const loading = load({ 'tokenizer.json': golden.tokenizers[json]!, 'tokenizer_config.json': config });

  test.each(conversations)('$args $response', async ({ args, response, prompt, ids, changed }) => {
    const tokenizer = await loading;
    const template = await loadTemplate('chat', tokenizer, { args });
    expect(Array.from(await encodePrompt(tokenizer, template, { instruction }))).toEqual(prompt);
    const encoding = encodeTriplet(tokenizer, template, { instruction, output: response, judgment: null });
    if (changed) return expect(encoding).rejects.toMatchObject({ code: 'RESPONSE_CHANGED' });
    const { plain, responseIds, offsets, retokenized } = await encoding;
    expect(Array.from(plain.ids)).toEqual(ids);
    expect(retokenized).toBeNull();
    // What is trained begins with the response itself, and its tokens cover it without a gap.
    expect(plain.responseStart).toBe(ids.length - responseIds.length);
    const said = await tokenizer.decode(responseIds);
    expect(said.trimStart().startsWith(response.trim())).toBe(true);
    expect(offsets[0]![0]).toBe(0);
    expect(Math.max(...offsets.map(([, to]) => to))).toBe(Array.from(response).length);
  });

  test.each(talks)('$turns turns, system $system, $args', async (talk) => {
    const tokenizer = await loading;
    const template = await loadTemplate('chat', tokenizer, { args: talk.args });
    const row = talkRow(talk);
    const { judgment } = golden.talk;
    const asked = encodePrompt(tokenizer, template, row, null, { row: 7 });
    if (talk.refused) {
      const error = (await asked.catch((error: unknown) => error)) as WhetstoneError;
      expect(['NO_PLACE_FOR_TURNS', 'BAD_CHAT_TEMPLATE']).toContain(error.code);
      expect(error.place.row).toBe(7);
      return;
    }
    const { prompt } = talk;
    const idsOf = ([same, rest]: Behind): number[] => [...prompt.slice(0, same), ...rest];
    expect(Array.from(await asked)).toEqual(prompt);
    expect(Array.from(await encodePrompt(tokenizer, template, row, judgment))).toEqual(idsOf(talk.judged));
    const encoding = encodeTriplet(tokenizer, template, { ...row, judgment });
    if (talk.changed) return expect(encoding).rejects.toMatchObject({ code: 'RESPONSE_CHANGED' });
    const { plain, judged, responseIds } = await encoding;
    expect(Array.from(plain.ids)).toEqual(idsOf(talk.finished));
    const said = await tokenizer.decode(responseIds);
    expect(said.trimStart().startsWith(row.output.trim())).toBe(true);
    // The same response stands behind the prompt that shows its judgment.
    expect(Array.from(judged!.ids.subarray(judged!.responseStart))).toEqual(Array.from(responseIds));
  });

  test('generation stops where the turn ends', async () => {
    const tokenizer = await loading;
    const heard: GenerationRequest[] = [];
    const engine = {
      generate: (requests: readonly GenerationRequest[]) => {
        heard.push(...requests);
        return Promise.resolve(requests.map(() => ({ ids: Int32Array.of(), finish: 'end' as const })));
      },
    };
    const sampling = { maxNewTokens: 1, temperature: 0 };
    await generateText({ engine, tokenizer }, { prompt: Int32Array.of(1), sampling });
    for (const token of [end ?? config.eos_token, config.eos_token])
      expect(heard[0]!.endTokens).toContain(tokenizer.tokenToId(token));
  });
});
