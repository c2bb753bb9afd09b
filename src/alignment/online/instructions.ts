// Which instructions an online run trains on and which it keeps for evaluation. Knows files and prompts' lengths.
import { WhetstoneError } from '../../errors.ts';
import { readInstructions } from '../../generation/instructions.ts';
import type { Instruction } from '../../generation/instructions.ts';
import { createRandom, shuffle } from '../../random.ts';
import { promptKey } from '../../rows/conversation.ts';
import { encodePrompt } from '../../tokens/index.ts';
import type { PromptTemplate, Tokenizer } from '../../tokens/index.ts';
import type { OnlineSettings } from './settings.ts';
import { option } from '../../words/option.ts';
import { note } from '../../words/note.ts';
import type { Note } from '../../words/note.ts';

export interface RunInstructions {
  /** Those to train on, by position in the file without doubles and those that are too long. */
  readonly training: readonly Instruction[];
  readonly heldOut: readonly Instruction[];
  /** Tokens of the longest prompt of either. */
  readonly longestPrompt: number;
  /** What the user should know: doubles and long ones that were left out. */
  readonly notes: readonly Note[];
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const HELD_OUT_STREAM = 11;

/**
 * Reads the instructions and sets the held-out ones apart: no instruction is in both parts, and none comes twice.
 * Prompts that leave no room for `maxNewTokens` among `maxPositions` are left out, and named.
 *
 * Throws what `readInstructions` throws, and WhetstoneError `TOO_FEW_INSTRUCTIONS` if the rounds need more.
 */
export async function readRunInstructions(
  settings: OnlineSettings,
  text: { readonly tokenizer: Tokenizer; readonly template: PromptTemplate },
  maxPositions: number,
): Promise<RunInstructions> {
  const notes: Note[] = [];
  let [read, longestPrompt] = [0, 0];
  const fit = async (file: string): Promise<Instruction[]> => {
    const rows = await readInstructions(file);
    if (file === settings.instructions) read = rows.length;
    const unique = withoutDoubles(rows, file, notes);
    const short = await withoutLong(
      unique,
      { ...text, file, room: maxPositions - settings.maxNewTokens },
      notes,
    );
    longestPrompt = Math.max(longestPrompt, short.longest);
    return short.rows;
  };
  const all = await fit(settings.instructions);
  const evaluation = settings.evalInstructions === null ? null : await fit(settings.evalInstructions);
  const held = evaluation
    ? evaluation.slice(0, settings.evalSize)
    : draw(all, Math.min(settings.evalSize, all.length), settings.seed);
  const keys = new Set(held.map(keyOf));
  const training = all.filter((each) => !keys.has(keyOf(each)));
  if (evaluation && training.length < all.length) {
    const shared = all.length - training.length;
    notes.push(
      note(
        'SHARED_INSTRUCTIONS',
        `${shared} of the instructions are among those to evaluate on, and are not trained on.`,
      ),
    );
  }
  requireEnough({ read, fit: all.length, left: training.length }, settings);
  return { training, heldOut: held, longestPrompt, notes };
}

const keyOf = (instruction: Instruction): string => JSON.stringify(promptKey(instruction));

/** `count` of the instructions, in their order. */
function draw(all: readonly Instruction[], count: number, seed: number): Instruction[] {
  const order = shuffle(Uint32Array.from(all.keys()), createRandom(seed, HELD_OUT_STREAM));
  return Array.from(order.subarray(0, count).sort(), (i) => all[i]!);
}

function withoutDoubles(all: readonly Instruction[], file: string, notes: Note[]): Instruction[] {
  const unique = [...new Map([...all].reverse().map((each) => [keyOf(each), each])).values()].reverse();
  const doubles = all.length - unique.length;
  if (doubles > 0)
    notes.push(note('DOUBLE_INSTRUCTIONS', `${file}: ${doubles} instructions that come again are left out.`));
  return unique;
}

async function withoutLong(
  all: readonly Instruction[],
  {
    tokenizer,
    template,
    file,
    room,
  }: { tokenizer: Tokenizer; template: PromptTemplate; file: string; room: number },
  notes: Note[],
): Promise<{ readonly rows: Instruction[]; readonly longest: number }> {
  const lengths = await Promise.all(
    all.map(
      async (each) => (await encodePrompt(tokenizer, template, each, null, { file, row: each.row })).length,
    ),
  );
  const long = all.filter((_, i) => lengths[i]! > room);
  if (long.length > 0) {
    const rows = long.slice(0, 5).map(({ row }) => row);
    const more = long.length > rows.length ? ', …' : '';
    notes.push(
      note(
        'LONG_INSTRUCTIONS',
        `${file}: ${long.length} instructions are left out whose prompts leave no room for a response among the model's positions (rows ${rows.join(', ')}${more}).`,
      ),
    );
  }
  return {
    rows: all.filter((_, i) => lengths[i]! <= room),
    longest: lengths.reduce((most, length) => (length <= room ? Math.max(most, length) : most), 0),
  };
}

interface Counts {
  /** Rows of the file; those that are neither doubles nor too long; those of them that are left to train on. */
  readonly read: number;
  readonly fit: number;
  readonly left: number;
}

function requireEnough({ read, fit, left }: Counts, settings: OnlineSettings): void {
  const { rounds, perRound, evalInstructions, instructions } = settings;
  const needed = rounds * perRound;
  if (left >= needed) return;
  const gone = [
    read > fit && `${read - fit} that come again or are too long`,
    fit > left &&
      (evalInstructions === null
        ? `${fit - left} that are kept for evaluation (${option('evalSize')})`
        : `${fit - left} that are among those to evaluate on`),
  ].filter((each) => each !== false);
  const found = gone.length === 0 ? `found ${left}` : `found ${left}: ${read} without ${gone.join(' and ')}`;
  throw new WhetstoneError(
    'TOO_FEW_INSTRUCTIONS',
    `${rounds} rounds of ${perRound} need ${needed} instructions to train on, ${found}`,
    { file: instructions, hint: `${whatFits(left, fit, settings)} Or give more instructions.` },
  );
}

/** Settings that would do with the instructions that are there. */
function whatFits(left: number, fit: number, { rounds, perRound, evalInstructions }: OnlineSettings): string {
  if (left >= rounds) {
    const fewer = left >= perRound ? `, or ${option('rounds')} ${Math.floor(left / perRound)}` : '';
    return `${option('perRound')} ${Math.floor(left / rounds)} would do${fewer}.`;
  }
  if (evalInstructions === null && fit >= 2 * rounds)
    return `${option('evalSize')} ${Math.floor(fit / 4)} with ${option('perRound')} ${Math.floor((fit - Math.floor(fit / 4)) / rounds)} would do.`;
  return `Lower ${option('rounds')} and ${option('perRound')}.`;
}
