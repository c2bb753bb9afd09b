// whetstone generate: continues prompts with a model, with or without an adapter.
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { TextGeneration, TextPiece, Voice } from '../generation/index.ts';
import { createRandom } from '../random.ts';
import type { PromptText } from '../tokens/index.ts';
import { escapeHelp, readEscapes } from './escapes.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { readInstructions } from '../generation/instructions.ts';
import { writeJsonl } from './jsonl.ts';
import type { Problem } from '../options/check.ts';
import type { SettingsOf } from '../options/table.ts';
import { generateTable } from '../options/verbs.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural, printable } from './terminal.ts';

type GenerateTable = WithConfig<typeof generateTable>;
type GenerateSettings = SettingsOf<typeof generateTable>;

export const generateVerb: Verb<GenerateTable> = {
  name: 'generate',
  summary: 'Let a model respond to instructions',
  about: `Give one of --instruction (put into the prompt template), --prompt (continued as it
stands) or --file. A single response is printed as it grows. Each depends on its own prompt
and the seed only, not on the others beside it. Temperature 0, the default, always takes the
likeliest token.`,
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
    [
      String.raw`generate --model ./model --prompt "1, 2, 3" --stop '\n,\u002c 5'`,
      'up to the end of the line, or to ", 5"',
    ],
  ],
  table: withConfig(generateTable),
  required: () => ['model'],
  together: (given) => [...sourceProblems(given), ...stopProblems(given)],
};

function sourceProblems(given: Partial<GenerateSettings>): Problem[] {
  const sources = (['instruction', 'prompt', 'file'] as const).filter((key) => given[key] != null);
  if (sources.length === 1) {
    const clash = given.judgment != null && given.prompt != null;
    const message = 'a prompt is continued as it stands; a judgment needs an instruction';
    return clash ? [{ keys: ['judgment', 'prompt'], message }] : [];
  }
  const keys = sources.length === 0 ? ['instruction', 'prompt', 'file'] : sources;
  return [{ keys, message: 'expected exactly one of --instruction, --prompt and --file' }];
}

export const stopProblems = ({ stop }: { readonly stop?: readonly string[] | null }): Problem[] =>
  (stop ?? [])
    .filter((text) => readEscapes(text) === null)
    .map((text) => ({ keys: ['stop'], message: `no text in ${JSON.stringify(text)}: ${escapeHelp}` }));

interface Prompt {
  readonly text: string;
  readonly ids: Int32Array;
}

export async function runGenerate(
  { values }: Given<GenerateTable>,
  context: { stdout: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { model, adapter, out, file, threads } = values;
  const { stdout } = context;
  const { generateText, loadVoice, openModel } = await import('../generation/index.ts');
  const voice = await loadVoice({ model, template: values.template });
  const prompts = await encodePrompts(values, voice);
  const stop = (values.stop ?? []).map((text) => readEscapes(text)!);
  const { maxNewTokens, temperature, topP, topK, repetitionPenalty } = values;
  const { openEngine } = context;
  const speaker = await openModel({ model, adapter, threads, openEngine, voice });
  const generate = (index: number, onText?: (piece: TextPiece) => void): Promise<TextGeneration> => {
    const seed = createRandom(values.seed, index).uint32();
    return generateText(speaker, {
      prompt: prompts[index]!.ids,
      sampling: { maxNewTokens, temperature, topP, topK, repetitionPenalty, seed },
      stop,
      continues: values.prompt !== null,
      onText,
    });
  };
  const safe = stdout.isTTY ? printable : (text: string) => text;
  const { bold, dim } = colorsFor(stdout);
  const cutOff = ({ finish }: TextGeneration): string =>
    finish === 'length' ? dim(' … (stopped at --max_new_tokens)') : '';
  try {
    if (out === null && prompts.length === 1) {
      const whole = await generate(0, ({ text }) => void stdout.write(safe(text)));
      stdout.write(`${cutOff(whole)}\n`);
      return 0;
    }
    const underWay = prompts.map((_, index) => generate(index));
    // Each is waited for in its turn; until then its failure is not unheard of.
    for (const each of underWay) each.catch(() => undefined);
    if (out === null) {
      for (const [index, each] of underWay.entries()) {
        const found = await each;
        stdout.write(`${bold(`#${index}`)} ${dim(safe(prompts[index]!.text))}\n`);
        stdout.write(`${safe(found.text)}${cutOff(found)}\n\n`);
      }
      return 0;
    }
    await writeJsonl(out, file, stdout, async (append) => {
      for (const [index, each] of underWay.entries()) {
        const { text: output, finish, ids } = await each;
        const instruction = prompts[index]!.text;
        await append({ index, instruction, output, finished: finish !== 'length', token_ids: [...ids] });
      }
    });
    if (out !== '-') stdout.write(`${plural(prompts.length, 'response')} written to ${out}\n`);
    return 0;
  } finally {
    await speaker.dispose();
  }
}

async function encodePrompts(
  { instruction, judgment, prompt, file }: GenerateSettings,
  { tokenizer, template }: Voice,
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
