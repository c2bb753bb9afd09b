// The curves of a run for the stretch that is seen: the whole run coarsely, and the stretch as finely as the screen shows
// it, asked for again where the run has grown or the stretch has moved. Asks the studio; draws nothing.
import { signal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import type { RunCurves, RunSeries } from '../../../src/studio/api/runs.ts';
import { getJson } from '../../shell/api.ts';

/** Steps from `from` to `to` are seen. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface CurveData {
  readonly curves: Signal<RunCurves | null>;
  readonly problem: Signal<unknown>;
  /** Asks for what belongs to the range (null: the whole run); of several that come while one is asked for, the last. */
  readonly show: (range: Range | null) => void;
  /** Asks for what is shown again. */
  readonly again: () => void;
  readonly stop: () => void;
}

const points = 500;

export function openCurves(run: string): CurveData {
  const curves = signal<RunCurves | null>(null);
  const problem = signal<unknown>(null);
  const abort = new AbortController();
  let whole: RunCurves | null = null;
  let wanted: Range | null = null;
  let asking = false;
  let changed = false;
  let grown = true;
  const get = (range: Range | null): Promise<RunCurves> => {
    const query = new URLSearchParams({ run, points: String(points) });
    if (range !== null) {
      query.set('from', String(Math.floor(range.from)));
      query.set('to', String(Math.ceil(range.to)));
    }
    return getJson<RunCurves>(`/api/runs/curves?${query}`, abort.signal);
  };
  const ask = async (): Promise<void> => {
    changed = true;
    if (asking) return;
    asking = true;
    try {
      while (changed) {
        changed = false;
        const range = wanted;
        if (grown || whole === null) {
          grown = false;
          whole = await get(null);
        }
        curves.value = range === null ? whole : within(whole, await get(range));
        problem.value = null;
      }
    } catch (error) {
      if (!abort.signal.aborted) problem.value = error;
    } finally {
      asking = false;
    }
  };
  return {
    curves,
    problem,
    show: (range) => {
      wanted = range;
      void ask();
    },
    again: () => {
      grown = true;
      void ask();
    },
    stop: () => abort.abort(),
  };
}

/** The fine curves, and the coarse ones where those end. */
export function within(whole: RunCurves, fine: RunCurves): RunCurves {
  if (fine.steps.length === 0) return whole;
  const [first, last] = [fine.steps[0]!, fine.steps.at(-1)!];
  const before = whole.steps.filter((step) => step < first).length;
  const after = whole.steps.findIndex((step) => step > last);
  const join = <T>(coarse: readonly T[], own: readonly T[]): T[] => [
    ...coarse.slice(0, before),
    ...own,
    ...(after < 0 ? [] : coarse.slice(after)),
  ];
  const series = Object.fromEntries(
    Object.entries(fine.series).map(([name, own]): [string, RunSeries] => {
      const coarse = whole.series[name] ?? own;
      if (coarse.low === null && own.low === null)
        return [name, { line: join(coarse.line, own.line), low: null, high: null }];
      return [
        name,
        {
          line: join(coarse.line, own.line),
          low: join(coarse.low ?? coarse.line, own.low ?? own.line),
          high: join(coarse.high ?? coarse.line, own.high ?? own.line),
        },
      ];
    }),
  );
  return { ...fine, first: whole.first, last: whole.last, steps: join(whole.steps, fine.steps), series };
}
