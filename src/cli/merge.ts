// whetstone merge: an adapter folded into its base model, as a complete Hugging Face folder.
import type { Given, Verb } from './flags.ts';
import { mergeOptions } from './options.ts';
import type { MergeFlags } from './options.ts';
import type { Output } from './terminal.ts';

export const mergeVerb: Verb<MergeFlags> = {
  name: 'merge',
  summary: 'Fold an adapter into its base model',
  about: `Writes a complete Hugging Face folder in the base's own dtype, for tools that know nothing
of adapters, then compares its log-probs with those of the unmerged pair.`,
  examples: [['merge --model ./model --adapter ./run/adapter --out ./merged', 'a model of its own']],
  schema: mergeOptions,
  defaults: { threads: null },
  required: ['model', 'adapter', 'out'],
};

export async function runMerge(
  { values }: Given<MergeFlags>,
  { stdout }: { stdout: Output },
): Promise<number> {
  void [values, stdout];
  await Promise.resolve();
  throw new Error('not yet');
}
