// A correct attempt at the same instruction beside each criticised one. Knows triplets, not what is made of it.
import { promptKey } from '../rows/conversation.ts';
import { labelOf } from './triplet.ts';
import type { Triplet } from './triplet.ts';

/** The rows; criticised ones with the first satisfactory response to the same prompt, where there is one. (arXiv 2601.20802) */
export function withSiblings(rows: readonly Triplet[]): Triplet[] {
  const correct = new Map<string, string>();
  for (const row of rows) {
    const key = JSON.stringify(promptKey(row));
    if (labelOf(row) === 'align-p' && !correct.has(key)) correct.set(key, row.output);
  }
  return rows.map((row) => {
    const sibling = labelOf(row) === 'align-n' ? correct.get(JSON.stringify(promptKey(row))) : undefined;
    return sibling === undefined ? row : { ...row, sibling };
  });
}

/**
 * What the teacher of SDPO is asked, in the place of the instruction: it, a correct answer where there is one, what was said of
 * an attempt that failed, and the request to solve it. The attempt itself is not in it.
 */
export function informedInstruction(
  instruction: string,
  { sibling, judgment }: { readonly sibling?: string | undefined; readonly judgment: string },
): string {
  const solution = sibling === undefined ? '' : `A correct answer to this:\n\n${sibling}\n\n`;
  return (
    `${instruction}\n\n${solution}What was said of an earlier attempt that failed:\n\n${judgment}\n\n` +
    'Answer the original instruction correctly.'
  );
}
