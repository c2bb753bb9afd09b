// whetstone generate: continues prompts with a model, with or without an adapter.
import type { OpenEngine } from '../alignment/engine-seam.ts';
import { WhetstoneError } from '../errors.ts';
import { createRandom } from '../random.ts';
import type { PromptTemplate, PromptText, Tokenizer } from '../tokens/index.ts';
import type { Given, Verb } from './flags.ts';
import { readInstructions } from './instructions.ts';
import { writeJsonl } from './jsonl.ts';
import { generateDefaults, generateOptions } from './options.ts';
import type { GenerateFlags } from './options.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural, printable } from './terminal.ts';

export const generateVerb: Verb<GenerateFlags> = {
  name: 'generate',
  summary: 'Let a model respond to instructions',
  about: `Give one of --instruction (put into the prompt template), --prompt (continued as it
stands) or --file. Each response depends on its own prompt and the seed only, not on the
others beside it. Temperature 0, the default, always takes the likeliest token.`,
  examples: [
    ['generate --model ./model --adapter ./run/adapter --instruction "Name three rivers."', 'one response'],
    ['generate --model ./model --file instructions.txt --out responses.jsonl', 'many, as data'],
    [
      'generate --model ./model --adapter ./run/adapter --file instructions.txt --judgment "Perfect."',
      'prompted with praise, for models aligned by hindsight or feedback-conditional',
    ],
    [
      'generate --model ./model --prompt "Once upon a time" --temperature 0.8 --top_p 0.95',
      'a sampled continuation',
    ],
  ],
  schema: generateOptions,
  defaults: generateDefaults,
  required: ['model'],
  together: (given) => {
    const sources = (['instruction', 'prompt', 'file'] as const).filter((name) => given[name] != null);
    if (sources.length === 1) {
      const clash = given.judgment != null && given.prompt != null;
      const message = 'a prompt is continued as it stands; a judgment needs an instruction';
      return clash ? [{ where: '--judgment, --prompt', message }] : [];
    }
    const where =
      sources.length === 0
        ? '--instruction, --prompt, --file'
        : sources.map((name) => `--${name}`).join(', ');
    return [{ where, message: 'expected exactly one of --instruction, --prompt and --file' }];
  },
};

interface Prompt {
  readonly text: string;
  readonly ids: Int32Array;
}

export async function runGenerate(
  { values }: Given<GenerateFlags>,
  context: { stdout: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { model, adapter, out, file, threads, maxNewTokens, temperature, topP, topK, batchSize, seed } =
    values;
  const { loadTemplate, loadTokenizer } = await import('../tokens/index.ts');
  const { openOnnxEngine } = await import('../alignment/engine-seam.ts');
  const tokenizer = await loadTokenizer(model);
  const template = await loadTemplate(values.template, tokenizer);
  const prompts = await encodePrompts(values, tokenizer, template);
  const engine = await (context.openEngine ?? openOnnxEngine)({
    modelDir: model,
    ...(adapter !== null && { adapterDir: adapter }),
    ...(threads !== null && { threads }),
  });
  const responses = async function* () {
    for (let start = 0; start < prompts.length; start += batchSize) {
      const some = prompts.slice(start, start + batchSize);
      const results = await engine.generate(
        some.map(({ ids }, i) => ({
          prompt: ids,
          sampling: {
            ...{ maxNewTokens, temperature, topP, topK },
            seed: createRandom(seed, start + i).uint32(),
          },
        })),
      );
      for (const [i, { ids, finish }] of results.entries()) {
        const output = await tokenizer.decode(ids, { skipSpecialTokens: true });
        yield { index: start + i, instruction: some[i]!.text, output, finished: finish === 'end', token_ids: Array.from(ids) };
      }
    }
  };
  try {
    if (out !== null) {
      await writeJsonl(out, file, context.stdout, async (append) => {
        for await (const response of responses()) await append(response);
      });
      if (out !== '-') context.stdout.write(`${plural(prompts.length, 'response')} written to ${out}\n`);
      return 0;
    }
    const colors = colorsFor(context.stdout);
    const safe = context.stdout.isTTY ? printable : (text: string) => text;
    for await (const { index, instruction, output, finished } of responses()) {
      if (prompts.length > 1)
        context.stdout.write(`${colors.bold(`#${index}`)} ${colors.dim(safe(instruction))}\n`);
      const rest = finished ? '' : colors.dim(' … (stopped at --max_new_tokens)');
      context.stdout.write(`${safe(output)}${rest}\n${prompts.length > 1 ? '\n' : ''}`);
    }
    return 0;
  } finally {
    await engine.dispose();
  }
}

async function encodePrompts(
  { instruction, judgment, prompt, file }: GenerateFlags,
  tokenizer: Tokenizer,
  template: PromptTemplate,
): Promise<Prompt[]> {
  if (prompt !== null) {
    const { ids } = await tokenizer.encode(prompt);
    // A tokenizer that ends every text with its end token would have the model start a new one.
    const open = ids.at(-1) === tokenizer.eosTokenId ? ids.slice(0, -1) : ids;
    if (open.length === 0)
      throw new WhetstoneError('EMPTY_PROMPT', 'the prompt has no token', { field: 'prompt' });
    return [{ text: prompt, ids: open }];
  }
  const { encodePrompt } = await import('../tokens/index.ts');
  const texts: PromptText[] = file === null ? [{ instruction: instruction! }] : await readInstructions(file);
  const prompts: Prompt[] = [];
  for (const [i, text] of texts.entries()) {
    const location = file === null ? {} : { file, row: i + 1 };
    prompts.push({
      text: text.instruction,
      ids: await encodePrompt(tokenizer, template, text, judgment, location),
    });
  }
  return prompts;
}
