// What both versions are asked before the new one takes over: a user's own file, or what was asked last and not judged,
// filled up with a few prompts of our own. Knows texts, no model.
import { readInstructions } from '../generation/instructions.ts';
import { promptKey, promptOf } from '../rows/conversation.ts';
import type { PromptFields } from '../rows/conversation.ts';
import type { PromptSource } from './drift-record.ts';

export interface FixedPrompts {
  readonly source: PromptSource;
  readonly prompts: readonly PromptFields[];
}

/** So many are chosen where no file names them; fewer than the least are filled up with our own. */
const most = 16;
const least = 8;

/** Everyday requests of different kinds, in few words; a model answers them in some way, whatever it is for. */
const builtIn: readonly string[] = [
  'What is the capital of France?',
  'Write a sentence about the sea.',
  'What is 12 plus 30?',
  'Name three animals that live in a forest.',
  'Explain in one sentence what rain is.',
  'Say "good morning" in Spanish.',
  'What is the opposite of "early"?',
  'Give me a short tip for a better sleep.',
];

/**
 * All prompts of `file`; without one the last that were `asked` and that no judgment is about. Throws as
 * `readInstructions`.
 */
export async function fixedPrompts(
  file: string | null,
  asked: readonly PromptFields[],
  judged: Iterable<PromptFields>,
): Promise<FixedPrompts> {
  if (file !== null)
    return { source: 'file', prompts: (await readInstructions(file)).map((each) => promptOf(each)) };
  const known = new Set(Array.from(judged, keyOf));
  const own = asked.filter((prompt) => !known.has(keyOf(prompt))).slice(0, most);
  if (own.length >= least) return { source: 'answered', prompts: own };
  const others = builtIn.map((instruction) => ({ instruction })).slice(0, most - own.length);
  return {
    source: own.length === 0 ? 'built-in' : 'answered and built-in',
    prompts: [...own, ...others],
  };
}

const keyOf = (prompt: PromptFields): string => JSON.stringify(promptKey(prompt));
