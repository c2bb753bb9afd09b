// Responses to instructions or continuations of texts as rows, kept in a file if one is named and gone on with after a
// stop. Knows prompts and where they come from; not what the responses are for.
import { computeOf } from '../engine/open-weights.ts';
import { inParallel } from '../durable/pool.ts';
import { rowsInOrder } from '../durable/rows.ts';
import type { OpenEngine, Work } from '../engine/engine.ts';
import { requireMemory } from '../engine/require-memory.ts';
import { problemsError, WhetstoneError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { readSamplingDefaults } from '../models/sampling-defaults.ts';
import { folderDigests, textDigest } from '../runs/digests.ts';
import { encodePrompt } from '../tokens/encode.ts';
import { isConversation, messagesOf } from '../rows/conversation.ts';
import type { Message, PromptText } from '../rows/conversation.ts';
import { contextOf } from './context.ts';
import { endedBy } from '../models/positions.ts';
import type { Context } from './context.ts';
import { generateText } from './generate-text.ts';
import { readInstructions } from './instructions.ts';
import { loadVoice, openModel, templateNote } from './open-model.ts';
import { samplingOf } from './sampling.ts';
import { resolveGenerate } from './settings.ts';
import type { GenerateSettings, GivenGenerate } from './settings.ts';
import type { Voice } from './speaker.ts';
import type { TextPiece } from './text-stream.ts';
import type { Note } from '../words/note.ts';

/** Exactly one of `file`, `instructions` and `prompts` says what is asked; the rest is as `whetstone generate` has it. */
export interface GenerateOptions extends GivenGenerate {
  readonly instructions?: readonly (PromptText | string)[] | undefined;
  /** Texts to continue as they stand, without a template. */
  readonly prompts?: readonly string[] | undefined;
  /** Stops: rows that are there are kept, and iterating throws `STOPPED`. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Hears the text of a single response as it grows. */
  readonly onText?: ((piece: TextPiece) => void) | undefined;
  /** Hears what a person should know of the model and of how it is asked. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | undefined;
}

export interface GeneratedRow {
  /** Position of the instruction in the input, from 0. */
  readonly index: number;
  readonly instruction: string;
  /** The whole conversation that was responded to, where more was said than the instruction. */
  readonly messages?: readonly Message[];
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
  const settings = resolveGenerate(options);
  const { model, adapter, template, templateArgs, seed, out, resume, overwrite } = settings;
  // What nobody said, as the model's makers have it if that is wanted.
  const usual = settings.generationConfig === 'auto' ? await readSamplingDefaults(model) : {};
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  const sampling = samplingOf({ ...settings, ...usual, ...Object.fromEntries(said) });
  const { onNote, openEngine } = options;
  const stop = settings.stop ?? [];
  const continues = options.prompts !== undefined;
  const voice = await loadVoice({ model, template, args: templateArgs ?? {}, adapter });
  const prompts = await readPrompts({ ...options, ...settings }, voice);
  requireRoom(prompts, await contextOf(model));
  const asked = continues ? null : await templateNote(voice, adapter);
  if (asked) onNote?.(asked);
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
    facts: out === null ? {} : await facts(),
    out,
    resume,
    overwrite,
    signal: options.signal,
    onProgress: options.onProgress,
    work: async (pending, hand, signal) => {
      const speaker = await openModel({ model, adapter, ...computeOf(settings), onNote, openEngine, voice });
      try {
        await requireMemory(speaker.engine, [workOf(prompts, sampling.maxNewTokens)], {
          what: 'generating',
          advises: ['baseDtype'],
        });
        await inParallel(
          pending,
          atOnce,
          async (index, giveUp) => {
            const { text, messages, ids } = prompts[index]!;
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
              ...(messages && { messages }),
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
  readonly messages?: readonly Message[];
  readonly ids: Int32Array;
  /** Where it stands, where that is in a file. */
  readonly place?: { readonly file: string; readonly row: number };
}

/** The longest of the prompts with the longest response. */
function workOf(prompts: readonly Prompt[], maxNewTokens: number): Work {
  const promptTokens = Math.max(...prompts.map(({ ids }) => ids.length));
  return { kind: 'generate', promptTokens, tokens: promptTokens + maxNewTokens };
}

const shown = 10;

/** Throws `PROMPT_TOO_LONG` that names the prompts behind which the model has no position left for a response. */
function requireRoom(
  prompts: readonly Prompt[],
  { maxPositions = Infinity, positionsEndedBy = null }: Partial<Context>,
): void {
  const long = prompts.flatMap((prompt, i) => (prompt.ids.length >= maxPositions ? [{ ...prompt, i }] : []));
  if (long.length === 0) return;
  const [first] = long;
  throw problemsError(
    'PROMPT_TOO_LONG',
    `${long.length} of ${prompts.length} prompts leave no room for a response among the model's ${maxPositions} tokens`,
    long.map(({ ids, place, i }) => ({
      row: place?.row ?? i + 1,
      problem: `the prompt has ${ids.length} tokens, and the model takes ${maxPositions} with the response${endedBy(positionsEndedBy)}`,
    })),
    {
      ...(first!.place && { file: first!.place.file }),
      shown,
      hint: 'Shorten these instructions, or take them out of the file; a model with a longer context takes them as they are.',
    },
  );
}

type Source = Pick<GenerateSettings, 'file' | 'judgment'> & Pick<GenerateOptions, 'instructions' | 'prompts'>;

async function readPrompts(
  { file, instructions = [], prompts, judgment }: Source,
  { tokenizer, template }: Voice,
): Promise<Prompt[]> {
  if (prompts !== undefined) return Promise.all(prompts.map((text) => encodeText(text, tokenizer)));
  const asked =
    file === null
      ? instructions.map((each) => ({
          prompt: typeof each === 'string' ? { instruction: each } : each,
          place: undefined,
        }))
      : (await readInstructions(file)).map((each) => ({ prompt: each, place: { file, row: each.row } }));
  const found: Prompt[] = [];
  for (const { prompt, place } of asked) {
    const ids = await encodePrompt(tokenizer, template, prompt, judgment, place ?? {});
    const messages = isConversation(prompt) ? messagesOf(prompt) : undefined;
    found.push({ text: prompt.instruction, ...(messages && { messages }), ids, ...(place && { place }) });
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
