// What of a run's rows and of other files the report measures on: a few, chosen by the run's seed. Knows files and rows, not
// what is measured.
import { basename, join } from 'node:path';
import { loadVoice } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import { readInstructions } from '../generation/instructions.ts';
import { buildExamples, createRandom, readTriplets, shuffle } from '../judgments/index.ts';
import type { Example, Triplet } from '../judgments/index.ts';
import { startOf } from '../runs/resume.ts';
import { promptKey, promptOf } from '../rows/conversation.ts';
import type { PromptText } from '../rows/conversation.ts';
import type { RunFacts } from './facts.ts';
import { isWrong } from './learned.ts';
import type { Source } from './learned.ts';

export interface SampleSettings {
  readonly model: string;
  readonly adapter: string;
  /** In place of the run's own; null for those. */
  readonly evalData: string | null;
  readonly reportPrompts: string | null;
  /** The last complete round of an online run; null for another run. */
  readonly round: number | null;
}

export interface Samples extends Source {
  readonly voice: Voice;
  readonly examples: readonly Example[];
  readonly prompts: readonly PromptText[];
  /** What the reader should know of the rows. */
  readonly notes: readonly string[];
  /** The rows' file, where none of them was trained on. */
  readonly heldOut: string | null;
}

/** Unsatisfactory rows, satisfactory ones, and prompts that are responded to. */
const counts = { wrong: 24, right: 8, prompts: 6 };
/** Longer sequences are left out where there are enough that are shorter. */
const usualTokens = 512;

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const REPORT_STREAM = 31;

/** Throws what reading the files throws. */
export async function readSamples(facts: RunFacts, asked: SampleSettings): Promise<Samples> {
  const { settings } = facts.record;
  const file = asked.evalData ?? (settings['eval_data'] as string | null | undefined) ?? null;
  const own = asked.round === null ? (settings['data'] as string) : judgedFile(facts.dir, asked.round);
  const { triplets: rows } = await readTriplets(file ?? own);
  const seed = Number(settings['seed'] ?? 0);
  const chosen = choose(rows, seed);
  const voice = await loadVoice({
    model: asked.model,
    template: null,
    adapter: asked.adapter,
    now: startOf(facts.record),
  });
  const cutoffLength = Number(settings['cutoff_len'] ?? 2048);
  const { examples } = await buildExamples(rows, {
    ...voice,
    cutoffLength,
    positions: chosen,
    onUnusable: 'skip',
  });
  const promptFile = asked.reportPrompts ?? (settings['report_prompts'] as string | null | undefined) ?? null;
  const rowsAre = file === null ? `${basename(own)}, which was trained on` : basename(file);
  const notes = file === null ? [] : await overlap(rows, file, own);
  return {
    voice,
    rows,
    examples: short(examples),
    lambda: typeof settings['lambda'] === 'number' ? settings['lambda'] : 1.2,
    rowsAre,
    ...(await prompts(promptFile, { rows, chosen, rowsAre, online: asked.round !== null })),
    notes,
    heldOut: file !== null && notes.length === 0 ? basename(file) : null,
  };
}

const judgedFile = (dir: string, round: number): string => join(dir, 'rounds', String(round), 'judged.jsonl');

/** Positions of unsatisfactory and of satisfactory rows. */
function choose(rows: readonly Triplet[], seed: number): number[] {
  const order = Array.from(shuffle(Uint32Array.from(rows.keys()), createRandom(seed, REPORT_STREAM)));
  const some = order.filter((position) => rows[position]!.output.trim() !== '');
  const wrong = some.filter((position) => isWrong(rows[position]!)).slice(0, counts.wrong);
  const right = some.filter((position) => !isWrong(rows[position]!)).slice(0, counts.right);
  // By turns, so that a report whose time is over early has seen of both.
  return wrong
    .flatMap((position, i) =>
      i % 3 === 0 && right[i / 3] !== undefined ? [position, right[i / 3]!] : [position],
    )
    .concat(right.slice(Math.ceil(wrong.length / 3)));
}

function short(examples: readonly Example[]): readonly Example[] {
  const length = ({ sequences }: Example): number =>
    Object.values(sequences).reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const few = examples.filter((example) => length(example) <= usualTokens);
  if (few.length >= Math.min(8, examples.length)) return few;
  return [...examples].sort((a, b) => length(a) - length(b)).slice(0, 8);
}

async function prompts(
  file: string | null,
  {
    rows,
    chosen,
    rowsAre,
    online,
  }: { rows: readonly Triplet[]; chosen: readonly number[]; rowsAre: string; online: boolean },
): Promise<Pick<Samples, 'prompts' | 'promptsAre'>> {
  if (file !== null) {
    const all = await readInstructions(file);
    const first = all.slice(0, counts.prompts);
    const which =
      first.length < all.length
        ? `the first ${first.length} of ${all.length} instructions`
        : 'the instructions';
    return { prompts: first, promptsAre: `${which} of ${basename(file)}` };
  }
  // An online run's responses to held-out instructions are there already, judged.
  if (online) return { prompts: [], promptsAre: '' };
  const some = new Map(
    chosen.map((position) => {
      const prompt = promptOf(rows[position]!);
      return [JSON.stringify(promptKey(prompt)), prompt];
    }),
  );
  return { prompts: [...some.values()].slice(0, counts.prompts), promptsAre: `instructions of ${rowsAre}` };
}

/** Rows to measure on that were trained on as well. */
async function overlap(rows: readonly Triplet[], file: string, trainedOn: string): Promise<string[]> {
  const keyOf = (triplet: Triplet): string => JSON.stringify([...promptKey(triplet), triplet.output]);
  const { triplets } = await readTriplets(trainedOn).catch(() => ({ triplets: [] }));
  const known = new Set(triplets.map(keyOf));
  const both = rows.filter((row) => known.has(keyOf(row))).length;
  return both === 0
    ? []
    : [
        `${both} of the ${rows.length} rows of ${basename(file)} were trained on as well: what is measured on them says less.`,
      ];
}
