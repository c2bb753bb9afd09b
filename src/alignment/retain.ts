// The phase before training in which the model answers prompts whose answers are to stay as they are, and what is learned so that
// they do. Knows prompts, an engine and RUN/retained.jsonl; not the loss.
import { join } from 'node:path';
import { keptInMemory, openKept } from '../durable/kept.ts';
import type { LineFormat } from '../durable/kept.ts';
import { doWork } from '../durable/work.ts';
import type { Engine, Sequence, TokenExample } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { readInstructions } from '../generation/instructions.ts';
import type { Instruction } from '../generation/instructions.ts';
import { respond } from '../generation/index.ts';
import { buildExamples, epochOrder } from '../judgments/index.ts';
import { createRandom } from '../random.ts';
import { promptOf, promptRow } from '../rows/conversation.ts';
import type { PromptRow } from '../rows/conversation.ts';
import { encodePrompt } from '../tokens/encode.ts';
import { plural } from '../words/numbers.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { option } from '../words/option.ts';
import { planBatches } from './batches.ts';
import type { BatchPlan } from './batches.ts';
import type { RunData } from './data.ts';
import type { AlignSettings } from './settings.ts';

/** A prompt, and a sequence as long as it and the longest answer. */
export interface RetainedPrompt {
  readonly prompt: Instruction;
  readonly whole: Sequence;
}

/** A line of retained.jsonl. */
interface RetainedRow extends PromptRow {
  /** Position of the prompt in the file, from 0. */
  readonly index: number;
  readonly output: string;
  /** Only where the model did not end the answer within its limit of tokens. */
  readonly finished?: false;
}

/** Answers that are learned beside the rows, and those of each step. */
export interface Retained {
  readonly examples: readonly TokenExample[];
  readonly plan: Pick<BatchPlan, 'batch'>;
}

/**
 * The prompts of the settings' file; none where there is no such setting. Throws as `readInstructions` does, and WhetstoneError
 * `SEQUENCE_TOO_LONG` for one that leaves no room for an answer.
 */
export async function readRetained(
  { retain, retainMaxNewTokens, cutoffLen }: AlignSettings,
  { tokenizer, template, maxPositions = Infinity }: Pick<RunData, 'tokenizer' | 'template' | 'maxPositions'>,
): Promise<RetainedPrompt[]> {
  if (retain === null) return [];
  const limit = Math.min(cutoffLen, maxPositions);
  const found: RetainedPrompt[] = [];
  for (const prompt of await readInstructions(retain)) {
    const ids = await encodePrompt(tokenizer, template, prompt, null, { file: retain, row: prompt.row });
    const whole = { ids: new Int32Array(ids.length + retainMaxNewTokens), responseStart: ids.length };
    whole.ids.set(ids);
    if (whole.ids.length > limit)
      throw new WhetstoneError(
        'SEQUENCE_TOO_LONG',
        `a prompt of ${ids.length} tokens leaves no room for an answer of ${retainMaxNewTokens} within ${limit}`,
        { file: retain, row: prompt.row, hint: `Lower ${option('retainMaxNewTokens')}, or leave it out.` },
      );
    found.push({ prompt, whole });
  }
  return found;
}

/** How many of them a step learns: as many as it learns rows, all where there are fewer. */
const perStep = (count: number, { batchSize }: AlignSettings): number => Math.min(batchSize, count);

/** Sequences as long as those that so many steps run beside the rows'. */
export const retainedSequences = (
  prompts: readonly RetainedPrompt[],
  steps: number,
  settings: AlignSettings,
): Sequence[] =>
  Array.from(
    { length: prompts.length === 0 ? 0 : steps * perStep(prompts.length, settings) },
    (_, i) => prompts[i % prompts.length]!.whole,
  );

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const RETAINED_STREAM = 16;

export interface RetainOptions {
  readonly engine: Pick<Engine, 'generate'>;
  readonly settings: AlignSettings;
  /** Run directory; without one the answers are kept in memory. */
  readonly out?: string;
  readonly signal?: AbortSignal;
  readonly onRetained?: (done: number, total: number) => void;
}

/**
 * The model's greedy answers, as examples, those that `retained.jsonl` has not being written first; null where there are no
 * prompts. Throws what `respond` throws, WhetstoneError `STOPPED` on an abort, `BAD_RUN` where the file has answers to other
 * prompts, and `NOTHING_TO_LEARN` if no answer can be kept.
 */
export async function retainAnswers(
  prompts: readonly RetainedPrompt[],
  data: Pick<RunData, 'tokenizer' | 'template' | 'maxPositions' | 'positionsEndedBy'>,
  options: RetainOptions,
): Promise<{ retained: Retained | null; notes: readonly Note[] }> {
  if (prompts.length === 0) return { retained: null, notes: [] };
  const { settings } = options;
  const { tokenizer, template, maxPositions, positionsEndedBy } = data;
  const { seed, shuffle, cutoffLen } = settings;
  const file = options.out === undefined ? null : join(options.out, 'retained.jsonl');
  const rows = await writeAnswers(prompts, data, file, options);
  const whole = rows.filter(({ output, finished }) => finished !== false && output.trim() !== '');
  const notes = notesOn(rows.length, whole.length, file);
  if (whole.length === 0)
    throw new WhetstoneError('NOTHING_TO_LEARN', `no answer can be kept. ${notes[0]!.text}`, {
      file: settings.retain!,
      hint: `Raise ${option('retainMaxNewTokens')}, or leave ${option('retain')} out.`,
    });
  const triplets = whole.map(({ index, output }) => {
    const { prompt } = prompts[index]!;
    return {
      ...promptOf(prompt),
      output,
      judgment: null,
      source: { file: settings.retain!, row: prompt.row },
    };
  });
  const { examples } = await buildExamples(triplets, {
    tokenizer,
    template,
    maxPositions,
    positionsEndedBy,
    cutoffLength: cutoffLen,
    roles: () => ['plain'],
  });
  const order = (epoch: number): Uint32Array =>
    epochOrder(examples.length, {
      seed: createRandom(seed, RETAINED_STREAM).uint32(),
      epoch,
      shuffle,
    });
  return {
    retained: {
      examples: examples.map(({ sequences: { plain }, index }) => ({
        index,
        rejected: false,
        sequences: { retained: plain! },
      })),
      plan: planBatches({
        rows: examples.length,
        batchSize: perStep(examples.length, settings),
        epochs: 1,
        maxSteps: null,
        order,
      }),
    },
    notes,
  };
}

/** All answers, in the order of the prompts. */
async function writeAnswers(
  prompts: readonly RetainedPrompt[],
  { tokenizer, template }: Pick<RunData, 'tokenizer' | 'template'>,
  file: string | null,
  { engine, settings, signal, onRetained }: RetainOptions,
): Promise<RetainedRow[]> {
  const kept = file === null ? keptInMemory<RetainedRow>() : await openKept(file, linesFor(prompts, file));
  try {
    await doWork<number, RetainedRow>({
      what: 'answers to keep',
      items: [...prompts.keys()],
      isKept: (index) => kept.results.has(String(index)),
      keep: (index, row) => kept.keep(String(index), row),
      work: async (pending, hand) => {
        await respond(
          { engine, tokenizer, template },
          pending.map((index) => prompts[index]!.prompt),
          {
            maxNewTokens: settings.retainMaxNewTokens,
            ...(signal && { signal }),
            onResponse: (i, { text, finished }) =>
              hand(pending[i]!, {
                index: pending[i]!,
                ...promptRow(prompts[pending[i]!]!.prompt),
                output: text,
                ...(!finished && { finished: false }),
              }),
          },
        );
      },
      signal,
      onProgress: onRetained,
    });
  } finally {
    await kept.close();
  }
  return prompts.map((_, index) => kept.results.get(String(index))!);
}

function linesFor(prompts: readonly RetainedPrompt[], file: string): LineFormat<RetainedRow> {
  const keyOf = (prompt: Instruction): string => JSON.stringify(promptRow(promptOf(prompt)));
  return {
    read: (value, line) => {
      const { index, output, finished: _, ...asked } = value as unknown as RetainedRow;
      if (typeof index !== 'number' || typeof output !== 'string') return null;
      const known = prompts[index];
      if (known && keyOf(known.prompt) === JSON.stringify(asked))
        return [String(index), value as unknown as RetainedRow];
      throw new WhetstoneError('BAD_RUN', `prompt ${index + 1} is not what was answered`, {
        file,
        line,
        hint: `Remove this file to have the answers written again, or start anew with ${option('overwrite')}.`,
      });
    },
    write: (_, row) => row,
  };
}

function notesOn(written: number, used: number, file: string | null): Note[] {
  const where = file === null ? '' : ` (${file})`;
  const left = written - used;
  const rest =
    left === 0
      ? ''
      : `; left out are ${left} that did not end within ${option('retainMaxNewTokens')}, or have nothing in them`;
  const count = plural(written, 'prompt');
  return [
    note('ANSWERS_RETAINED', `The model answered ${count} whose answers it learns to keep${where}${rest}.`),
  ];
}
