// whetstone merge: an adapter folded into its base model, as a complete Hugging Face folder, checked before it
// gets its name.
import type { OpenEngine } from '../engine/engine.ts';
import type { MergeCheck } from '../engine/verify-merge.ts';
import type { Given, Verb } from './flags.ts';
import { mergeTable } from '../options/verbs.ts';
import type { Output } from './terminal.ts';
import { colorsFor, percent, plural } from './terminal.ts';

export const mergeVerb: Verb<typeof mergeTable> = {
  name: 'merge',
  summary: 'Fold an adapter into its base model',
  about: `Writes a complete Hugging Face folder in the base's own dtype, for tools that know nothing
of adapters. Before the folder gets its name, its log-probs are compared with those of
the unmerged pair; what they may differ by is the dtype's rounding.`,
  examples: [['merge --model ./model --adapter ./run/adapter --out ./merged', 'a model of its own']],
  table: mergeTable,
  required: () => ['model', 'adapter', 'out'],
  together: () => [],
};

export async function runMerge(
  { values }: Given<typeof mergeTable>,
  { stdout, openEngine }: { stdout: Output; openEngine?: OpenEngine },
): Promise<number> {
  const { model, adapter, out, threads } = values;
  const { mergeAdapter } = await import('../models/index.ts');
  const { verifyMerge } = await import('../engine/index.ts');
  let checked: MergeCheck | undefined;
  const merged = await mergeAdapter(model, adapter, out, {
    check: async (dir) => {
      checked = await verifyMerge(model, adapter, dir, {
        ...(threads !== null && { threads }),
        ...(openEngine && { openEngine }),
      });
    },
  });
  stdout.write(`${plural(merged.mergedProjections, 'projection')} merged into ${out}\n`);
  if (merged.leftOutFiles.length > 0) stdout.write(`not taken over: ${merged.leftOutFiles.join(', ')}\n`);
  if (checked) stdout.write(describeCheck(checked, colorsFor(stdout).yellow));
  return 0;
}

export function describeCheck(check: MergeCheck, warn: (text: string) => string): string {
  const { dtype, tokens, meanDifference, maxDifference, tolerance, adapterEffect, carriedShare } = check;
  const show = (nats: number): string => nats.toPrecision(2);
  const lines = [
    `checked: log-probs of ${plural(tokens, 'token')} differ from the unmerged pair's by ${show(meanDifference)} nats on average`,
    `         (at most ${tolerance} is allowed in ${dtype}), ${show(maxDifference)} at the worst token; the adapter moves them by ${show(adapterEffect)}`,
  ];
  if (meanDifference > adapterEffect / 4) {
    lines.push(
      `${warn('note')} rounding to ${dtype} leaves ${percent(carriedShare, 0)} of what this adapter does; unmerged it keeps all of it`,
    );
  }
  return `${lines.join('\n')}\n`;
}
