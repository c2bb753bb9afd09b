// Which of two responses is shown first: as AlpacaEval draws it from the instruction (alpaca_eval/processors.py,
// RandomSwitchTwoColumnsProcessor). Knows the instruction only, so that a pair keeps its order in every run.
import { createHash } from 'node:crypto';
import { createPythonRandom } from '../python-random/index.ts';

/**
 * Whether the model's response goes before the reference: `random.Random(seed).choices([False, True])` in Python, the
 * seed being the text "is_switched_outputs", the instruction and AlpacaEval's own seed 0.
 */
export function isSwitched(instruction: string): boolean {
  const text = Buffer.from(`is_switched_outputs${instruction}0`, 'utf8');
  // How `random.Random` makes a number of a text.
  const hash = createHash('sha512').update(text).digest();
  const seed = BigInt(`0x${Buffer.concat([text, hash]).toString('hex')}`);
  return createPythonRandom(seed).random() >= 0.5;
}
