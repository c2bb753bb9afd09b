// The folder of one training as the data of a report, also while it goes on. Draws nothing.
import { exists } from '../durable/files.ts';
import { join } from 'node:path';
import type { ReportData } from '../report/index.ts';
import { plural } from '../words/numbers.ts';
import type { RunFacts } from './facts.ts';
import { curveOf } from './steps.ts';

/** Everything but settings and provenance. */
export async function alignReport({ dir, record, steps }: RunFacts): Promise<Omit<ReportData, 'date'>> {
  const { method, model } = record.settings;
  const last = steps.at(-1);
  const finished = await exists(join(dir, 'adapter'));
  const state = finished ? 'The run is complete' : 'The run is not complete';
  return {
    title: 'Aligned with written judgments',
    summary:
      `An adapter of ${String(model)} is trained with the method "${String(method)}" on judged responses. ` +
      `${state}: ${plural(steps.length, 'step')} so far.`,
    headline: {
      facts: [
        { label: 'Optimizer steps', value: steps.length },
        ...(last ? [{ label: 'Loss of the last step', value: last.loss.toFixed(4), note: 'nats' }] : []),
      ],
    },
    ...(last && { curves: [curveOf('training', steps)] }),
  };
}
