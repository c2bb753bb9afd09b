// Generation with a model that the worker holds: as many requests as there are slots side by side, the next when they have
// all ended. Tokens are chosen here, as for the engine in this process; the worker has logits.
import type { Generation } from '../engine.ts';
import type { Running, Waiting } from '../running.ts';
import { advance, begin, isAborted } from '../running.ts';
import type { Frame } from './frames.ts';
import { flat, floatsOf } from './frames.ts';
import type { RemoteModel } from './remote-model.ts';

export interface RemoteGenerator {
  /** Works until `queue` is empty and every request in it has been answered. */
  work(queue: Waiting[]): Promise<void>;
}

export function openRemoteGenerator(
  model: RemoteModel,
  { slots, endTokens }: { readonly slots: number; readonly endTokens: ReadonlySet<number> },
): RemoteGenerator {
  return {
    work: async (queue) => {
      while (queue.length > 0) {
        const together = queue.splice(0, slots);
        try {
          await continueAll(model, together, endTokens);
        } catch (error) {
          for (const { reject } of [...together, ...queue.splice(0)]) reject(error);
          throw error;
        }
      }
    },
  };
}

async function continueAll(
  { worker, about }: RemoteModel,
  together: readonly Waiting[],
  endTokens: ReadonlySet<number>,
): Promise<void> {
  const begun = together.map((waiting, slot) => begin(waiting, slot, about.max_positions));
  let rows = begun.filter((sequence) => {
    if (isAborted(sequence)) end(sequence, 'aborted');
    else if (sequence.limit <= 0) end(sequence, 'length');
    else return true;
    return false;
  });
  if (rows.length === 0) return;
  const prompts = rows.map(({ waiting }) => waiting.request.prompt);
  let answer = await worker.ask(
    'generate',
    { lengths: prompts.map(({ length }) => length), wants: rows.map(wantOf) },
    { ids: flat(Int32Array.from(prompts.flatMap((prompt) => [...prompt]))) },
  );
  while (answer.op === 'logits') {
    const logitsOf = logitsIn(answer, rows, about.vocab_size);
    const left = await Promise.all(rows.map((sequence, row) => grow(sequence, logitsOf(row), endTokens)));
    const kept = rows.flatMap((_, row) => (left[row] ? [row] : []));
    rows = kept.map((row) => rows[row]!);
    answer =
      rows.length === 0
        ? await worker.ask('enough')
        : await worker.ask(
            'grow',
            { rows: kept, wants: rows.map(wantOf) },
            { tokens: flat(Int32Array.from(rows, ({ made }) => made.at(-1)!)) },
          );
  }
}

/** The likeliest token alone, where that is all that choosing needs; a vocabulary of logits is much to send. */
const wantOf = ({ waiting, past }: Running): 'best' | 'logits' =>
  waiting.request.sampling.temperature <= 0 && past === null && waiting.request.topLogProbs === undefined
    ? 'best'
    : 'logits';

/** Logits of each row; of one that wanted its likeliest token, a row that has no other. */
function logitsIn(answer: Frame, rows: readonly Running[], vocabSize: number): (row: number) => Float32Array {
  const all = floatsOf(answer, 'logits');
  const best = answer.tensors.best!.data;
  const finite = answer.tensors.finite!.data;
  let next = 0;
  const starts = rows.map((sequence) => (wantOf(sequence) === 'logits' ? vocabSize * next++ : -1));
  return (row) => {
    if (starts[row]! >= 0) return all.slice(starts[row], starts[row]! + vocabSize);
    const only = new Float32Array(vocabSize).fill(-Infinity);
    if (finite[row] === 1) only[best[row]!] = 0;
    return only;
  };
}

/** Whether the sequence goes on. */
async function grow(
  sequence: Running,
  logits: Float32Array,
  endTokens: ReadonlySet<number>,
): Promise<boolean> {
  try {
    const finish = await advance(sequence, logits, endTokens);
    if (finish === null) return true;
    end(sequence, finish);
  } catch (error) {
    sequence.waiting.reject(error);
  }
  return false;
}

const end = ({ waiting, made }: Running, finish: Generation['finish']): void =>
  waiting.resolve({ ids: Int32Array.from(made), finish });
