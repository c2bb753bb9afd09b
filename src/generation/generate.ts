// Responses to instructions or continuations of texts as rows, kept in a file if one is named and gone on with after a
// stop. Knows prompts and where they come from; not what the responses are for.
import type { TemplateArgs } from '../tokens/chat-template.ts';
import { inParallel } from '../durable/pool.ts';
import { rowsInOrder } from '../durable/rows.ts';
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { folderDigests, textDigest } from '../runs/digests.ts';
import { encodePrompt } from '../tokens/encode.ts';
import type { PromptText } from '../tokens/prompt.ts';
import { generateText } from './generate-text.ts';
import { readInstructions } from './instructions.ts';
import { loadVoice, openModel } from './open-model.ts';
import type { Voice } from './speaker.ts';
import type { TextPiece } from './text-stream.ts';

/** Exactly one of `file`, `instructions` and `prompts` says what is asked. */
export interface GenerateOptions {
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter?: string | null;
  /** Instructions in a file: text with one a line, or rows of instruction, input?. */
  readonly file?: string | null;
  readonly instructions?: readonly (PromptText | string)[] | null;
  /** Texts to continue as they stand, without a template. */
  readonly prompts?: readonly string[] | null;
  /** Shown as if it were the judgment of the responses to come, such as "Perfect.". */
  readonly judgment?: string | null;
  /** alpaca, chat or a template file; default alpaca. */
  readonly template?: string;
  /** Values for the variables of a chat template. */
  readonly templateArgs?: TemplateArgs | null;
  /** Most tokens of a response; default 256. */
  readonly maxNewTokens?: number;
  /** 0, the default, always takes the likeliest token. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  /** Texts that end a response; none of them becomes part of it. */
  readonly stop?: readonly string[] | null;
  /** A response depends on the seed and its place; default 42. */
  readonly seed?: number;
  readonly threads?: number | null;
  /** File of the rows as JSON lines, there once all are made. */
  readonly out?: string | null;
  /** Go on with the rows that a stopped call left beside `out`. */
  readonly resume?: boolean;
  /** Replace what is at `out`. */
  readonly overwrite?: boolean;
  /** Stops: rows that are there are kept, and iterating throws `STOPPED`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** Hears the text of a single response as it grows. */
  readonly onText?: (piece: TextPiece) => void;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | null;
}

export interface GeneratedRow {
  /** Position of the instruction in the input, from 0. */
  readonly index: number;
  readonly instruction: string;
  readonly output: string;
  /** Whether the model ended it, or a stop text; else it was cut off at the limit of tokens. */
  readonly finished: boolean;
  readonly token_ids: readonly number[];
}

/** More than an engine generates side by side, so that it always has something to go on with. */
const atOnce = 128;

/**
 * Lets a model respond. One row each, in the order of the input; each depends on its own prompt and the seed only, not
 * on the others beside it.
 *
 *     for await (const { output } of generate({ model: 'model/', instructions: ['Name three rivers.'] }))
 *       console.log(output);
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, `OUT_EXISTS`, `RESUME_MISMATCH`, `STOPPED`, and what reading the model and the
 * file throws.
 */
export async function* generate(options: GenerateOptions): AsyncGenerator<GeneratedRow, void, undefined> {
  const { model, adapter = null, threads = null, openEngine, seed = 42 } = options;
  const { maxNewTokens = 256, temperature = 0, topP = 1, topK = 0, repetitionPenalty = 1 } = options;
  const sampling = { maxNewTokens, temperature, topP, topK, repetitionPenalty };
  const stop = options.stop ?? [];
  const continues = options.prompts != null;
  const voice = await loadVoice({
    model,
    template: options.template ?? 'alpaca',
    args: options.templateArgs ?? {},
  });
  const prompts = await readPrompts(options, voice);
  const facts = async (): Promise<Record<string, unknown>> => ({
    prompts: textDigest(prompts.map(({ text, ids }) => `${text}\n${ids.join(' ')}`)),
    model: await folderDigests(model),
    adapter: adapter === null ? null : await folderDigests(adapter),
    ...sampling,
    stop,
    seed,
  });
  yield* rowsInOrder<GeneratedRow>({
    what: 'responses',
    total: prompts.length,
    facts: options.out == null ? {} : await facts(),
    out: options.out,
    resume: options.resume ?? false,
    overwrite: options.overwrite ?? false,
    signal: options.signal,
    onProgress: options.onProgress,
    work: async (pending, hand, signal) => {
      const speaker = await openModel({ model, adapter, threads, openEngine, voice });
      try {
        await inParallel(
          pending,
          atOnce,
          async (index, giveUp) => {
            const { text, ids } = prompts[index]!;
            const found = await generateText(speaker, {
              prompt: ids,
              sampling: { ...sampling, seed: createRandom(seed, index).uint32() },
              stop,
              continues,
              signal: giveUp,
              onText: prompts.length === 1 ? options.onText : undefined,
            });
            if (found.finish === 'aborted') return;
            await hand({
              index,
              instruction: text,
              output: found.text,
              finished: found.finish !== 'length',
              token_ids: [...found.ids],
            });
          },
          { signal },
        );
      } finally {
        await speaker.dispose();
      }
    },
  });
}

interface Prompt {
  readonly text: string;
  readonly ids: Int32Array;
}

async function readPrompts(options: GenerateOptions, { tokenizer, template }: Voice): Promise<Prompt[]> {
  const { file, instructions, prompts, judgment = null } = options;
  const sources = [file, instructions, prompts].filter((source) => source != null);
  if (sources.length !== 1) {
    const message = 'expected exactly one of file, instructions and prompts';
    throw new WhetstoneError('INVALID_OPTIONS', `${message}, found ${sources.length}`);
  }
  if (prompts != null) return Promise.all(prompts.map((text) => encodeText(text, tokenizer)));
  const asked = file != null ? await readInstructions(file) : instructions!;
  const found: Prompt[] = [];
  for (const [i, each] of asked.entries()) {
    const prompt = typeof each === 'string' ? { instruction: each } : each;
    const place = file != null ? { file, row: i + 1 } : {};
    const ids = await encodePrompt(tokenizer, template, prompt, judgment, place);
    found.push({ text: prompt.instruction, ids });
  }
  return found;
}

async function encodeText(text: string, tokenizer: Voice['tokenizer']): Promise<Prompt> {
  const { ids } = await tokenizer.encode(text);
  // A tokenizer that ends every text with its end token would have the model start a new one.
  const open = ids.at(-1) === tokenizer.eosTokenId ? ids.slice(0, -1) : ids;
  if (open.length > 0) return { text, ids: open };
  throw new WhetstoneError('EMPTY_PROMPT', 'the prompt has no token', { field: 'prompt' });
}
