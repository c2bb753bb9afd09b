// whetstone merge: an adapter folded into its base model, as a complete Hugging Face folder, checked before it
// gets its name.
import { mergeEntry } from '../engine/merge-settings.ts';
import type { MergeCheck } from '../engine/verify-merge.ts';
import type { Given, Verb } from './flags.ts';
import { snakeFields } from './events.ts';
import { percent, plural } from '../words/numbers.ts';
import { tellNextMerged } from './report.ts';
import { runKept } from './rows-out.ts';
import type { VerbContext } from './screen.ts';

export const mergeVerb: Verb<typeof mergeEntry.table> = {
  name: 'merge',
  summary: 'Fold an adapter into its base model',
  about: `Writes a complete Hugging Face folder in the base's own dtype, for tools that know nothing
of adapters. Before the folder gets its name, its log-probs are compared with those of
the unmerged pair; what they may differ by is the dtype's rounding.`,
  examples: [['merge --model ./model --adapter ./run/adapter --out ./merged', 'a model of its own']],
  table: mergeEntry.table,
  required: mergeEntry.required,
  together: mergeEntry.together,
};

export async function runMerge(
  { values }: Given<typeof mergeEntry.table>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { merge } = await import('../engine/merge.ts');
  const { out } = values;
  return runKept({ out, noun: 'weight file' }, screen, async ({ signal }) => {
    const onProgress = (done: number, total: number): void =>
      screen.progress({ what: 'merged', done, total, unit: 'bytes' });
    const { note: onNote } = screen;
    const { written, check } = await merge({ ...values, signal, openEngine, onProgress, onNote });
    screen.endProgress();
    const lines =
      written === null
        ? [`${out} was there already`]
        : [
            `${plural(written.mergedProjections, 'projection')} merged into ${out}`,
            ...(written.unquantized
              ? [
                  `the base is quantized with ${written.unquantized.method}; the merged weights are written unquantized, in ` +
                    written.unquantized.dtype,
                ]
              : []),
            ...(written.leftOutFiles.length > 0
              ? [`not taken over: ${written.leftOutFiles.join(', ')}`]
              : []),
          ];
    const words = [...lines, ...describeCheck(check, screen.colors.yellow)];
    screen.tell('merged', { out, ...snakeFields({ ...written, check }) }, words.join('\n'));
    await tellNextMerged(screen, out, values.adapter);
  });
}

export function describeCheck(check: MergeCheck, warn: (text: string) => string): string[] {
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
  return lines;
}
