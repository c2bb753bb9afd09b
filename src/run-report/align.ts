// The folder of one training as the data of a report, also while it goes on. Draws nothing.
import { basename, join } from 'node:path';
import { methodNamed, methodNames } from '../alignment/methods.ts';
import { exists } from '../durable/files.ts';
import { modelOfSnapshot } from '../hub/index.ts';
import type { ReportData } from '../report/index.ts';
import { plural } from '../words/numbers.ts';
import type { RunFacts } from './facts.ts';
import { curveOf } from './steps.ts';

/** A setting as a text; a record that was changed by hand may hold anything. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

/** Everything but settings and provenance. */
export async function alignReport({ dir, record, steps }: RunFacts): Promise<Omit<ReportData, 'date'>> {
  const { method, model, data } = record.settings;
  const last = steps.at(-1);
  const finished = await exists(join(dir, 'adapter'));
  return {
    title: 'Aligned with written judgments',
    summary:
      `${described(textOf(method))} trained an adapter of ${nameOfModel(textOf(model))} on the judged responses` +
      `${typeof data === 'string' ? ` of ${basename(data)}` : ''}, in ${plural(steps.length, 'step')}.`,
    ...(!finished && {
      notes: [
        `The run is not complete: ${plural(steps.length, 'step')} so far. What the trained model shows comes when it is.`,
      ],
    }),
    headline: {
      facts: [
        { label: 'Optimizer steps', value: steps.length },
        ...(last ? [{ label: 'Loss of the last step', value: last.loss.toFixed(4), note: 'nats' }] : []),
      ],
    },
    ...(last && { curves: [curveOf('training', steps)] }),
  };
}

/** A method that was added from outside may not be there now. */
const described = (method: string): string =>
  `The method "${method}"${methodNames().includes(method) ? ` (${methodNamed(method).title})` : ''}`;

const nameOfModel = (model: string): string => modelOfSnapshot(model) ?? basename(model);
