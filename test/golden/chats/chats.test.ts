// Prompts and finished conversations against those of transformers' apply_chat_template; see generate.py.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generateText } from '../../../src/generation/index.ts';
import type { GenerationRequest } from '../../../src/engine/engine.ts';
import { encodePrompt, encodeTriplet, loadTemplate } from '../../../src/tokens/index.ts';
import type { TemplateArgs } from '../../../src/tokens/index.ts';
import { load } from '../../../src/tokens/test-tokenizers.ts';

interface Golden {
  readonly instruction: string;
  readonly tokenizers: Readonly<Record<string, string>>;
  readonly shapes: readonly {
    readonly name: string;
    readonly tokenizer: string;
    readonly config: { readonly eos_token: string };
    /** The token that ends a turn; null where the template writes none. */
    readonly end: string | null;
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

describe.each(golden.shapes)('$name', ({ tokenizer: json, config, end, conversations }) => {
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
