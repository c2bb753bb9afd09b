// The curves of a run, or of two over one another: a figure for each quantity, all of the same stretch of steps. Knows what
// is drawn, not how.
import { batch, computed, signal, useComputed, useSignal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { percent, plainNumber } from '../../../src/report/format.ts';
import type { RunCurves, RunState } from '../../../src/studio/api/runs.ts';
import { thousands } from '../../../src/words/numbers.ts';
import { Problem } from '../../shell/problem.tsx';
import { openCurves } from './curve-data.ts';
import type { CurveData, Range } from './curve-data.ts';
import { Plot } from './plot.tsx';
import type { Column, PlotData, PlotLine } from './plot.tsx';
import { panelsOf, quantityOf } from './words.ts';

interface CurvesProps {
  readonly runs: readonly { readonly state: RunState; readonly title: string }[];
}

/** Colours of the palette, and kinds of dash beside them, so that no line is known by its colour alone. */
const looks: readonly PlotLine[] = [
  { colour: 0, dash: [] },
  { colour: 1, dash: [7, 3] },
  { colour: 2, dash: [2, 3] },
  { colour: 3, dash: [9, 3, 2, 3] },
  { colour: 4, dash: [4, 2] },
  { colour: 5, dash: [1, 4] },
];

/** Fewest steps that a stretch has. */
const least = 4;

export function Curves({ runs }: CurvesProps) {
  const names = runs.map(({ state }) => state.run.name);
  const key = names.join('\n');
  const data = useMemo(() => names.map(openCurves), [key]);
  const view = useMemo(() => openView(data), [data]);
  useEffect(() => () => data.forEach((each) => each.stop()), [data]);
  const revisions = runs.map(({ state }) => state.revision);
  useEffect(() => data.forEach((each) => each.again()), [data, ...revisions]);
  const quantities = [...new Set(runs.flatMap(({ state }) => state.quantities))];
  const panels = panelsOf(quantities, runs.length === 1);
  const { value: seen } = view.seen;
  const curves = data.map((each) => each.curves.value);
  if (quantities.length === 0)
    return <p class="note">There is no step yet. The curves begin with the first one.</p>;
  const [first] = curves;
  return (
    <section class="curves" aria-labelledby="curves-heading">
      <div class="curves-head">
        <h2 id="curves-heading">Training</h2>
        <Zoom view={view} />
      </div>
      <Problem error={data.map((each) => each.problem.value).find((each) => each !== null) ?? null} />
      <p class="note curves-note">
        Steps {thousands(Math.round(seen.from))} to {thousands(Math.round(seen.to))} of{' '}
        {thousands(Math.max(...curves.map((each) => each?.last ?? 0)))}.
        {first && first.window > 1 && (
          <>
            {' '}
            Lines are means over {thousands(first.window)} neighbouring steps; behind them, faintly,{' '}
            {first.every > 1 ? 'the least and the most' : 'each step'}. The learning rate is exact.
          </>
        )}
      </p>
      {curves.every((each) => each !== null) ? (
        <div class="panels">
          {panels.map((panel, i) => (
            <Panel
              key={`${key}\n${panel.join()}`}
              panel={panel}
              curves={view.curves}
              titles={runs.map(({ title }) => title)}
              view={view}
              wide={i === 0}
            />
          ))}
        </div>
      ) : (
        <p class="note">Reading the steps…</p>
      )}
    </section>
  );
}

interface View {
  readonly curves: ReadonlySignal<readonly (RunCurves | null)[]>;
  /** All steps of all runs. */
  readonly whole: ReadonlySignal<Range>;
  /** The stretch that is seen. */
  readonly seen: ReadonlySignal<Range>;
  readonly isZoomed: ReadonlySignal<boolean>;
  /** Null shows all, and goes on showing all while it grows. */
  readonly show: (range: Range | null) => void;
  readonly zoom: (factor: number) => void;
  /** By a share of what is seen. */
  readonly move: (share: number) => void;
}

function openView(data: readonly CurveData[]): View {
  const curves = computed(() => data.map((each) => each.curves.value));
  const chosen = signal<Range | null>(null);
  const whole = computed((): Range => {
    const there = curves.value.flatMap((each) => (each && each.steps.length > 0 ? [each] : []));
    if (there.length === 0) return { from: 0, to: 1 };
    return {
      from: Math.min(...there.map(({ first }) => first)),
      to: Math.max(...there.map(({ last }) => last)),
    };
  });
  const seen = computed(() => chosen.value ?? whole.value);
  const show = (range: Range | null): void => {
    const next = range === null ? null : bounded(range, whole.value);
    batch(() => (chosen.value = next));
    for (const each of data) each.show(next);
  };
  return {
    ...{ curves, whole, seen, show },
    isZoomed: computed(() => chosen.value !== null),
    zoom: (factor) => {
      const { from, to } = seen.value;
      const [middle, half] = [(from + to) / 2, ((to - from) * factor) / 2];
      show({ from: middle - half, to: middle + half });
    },
    move: (share) => {
      const { from, to } = seen.value;
      const by = (to - from) * share;
      show({ from: from + by, to: to + by });
    },
  };
}

/** A range within the whole, as wide as it was where that is possible; null for all of it. */
function bounded({ from, to }: Range, whole: Range): Range | null {
  const all = whole.to - whole.from;
  const width = Math.max(Math.min(least, all), to - from);
  if (width >= all) return null;
  const start = Math.min(Math.max((from + to - width) / 2, whole.from), whole.to - width);
  return { from: start, to: start + width };
}

/** Each with what is said to those who hear it, where its text alone does not say it, and its key. */
const moves: readonly {
  readonly text: string;
  readonly name?: string;
  readonly key: string;
  readonly act: (view: View) => void;
  /** Whether there is anything to do where all steps are shown. */
  readonly always?: true;
}[] = [
  { text: '+', name: 'Zoom in', key: '+', act: ({ zoom }) => zoom(0.5), always: true },
  { text: '−', name: 'Zoom out', key: '-', act: ({ zoom }) => zoom(2) },
  { text: '←', name: 'Earlier steps', key: 'Shift and arrow left', act: ({ move }) => move(-0.5) },
  { text: '→', name: 'Later steps', key: 'Shift and arrow right', act: ({ move }) => move(0.5) },
  { text: 'All', key: '0', act: ({ show }) => show(null) },
];

function Zoom({ view }: { readonly view: View }) {
  return (
    <div class="buttons" role="group" aria-label="Steps that are shown">
      {moves.map(({ text, name, key, act, always = false }) => (
        <button
          key={text}
          type="button"
          aria-label={name}
          title={`${name ?? 'All steps'} (${key})`}
          disabled={!always && !view.isZoomed.value}
          onClick={() => act(view)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

interface PanelProps {
  readonly panel: readonly string[];
  readonly curves: View['curves'];
  readonly titles: readonly string[];
  readonly view: View;
  readonly wide: boolean;
}

interface Entry extends PlotLine {
  readonly name: string;
  readonly run: number;
  readonly quantity: string;
}

function Panel({ panel, curves, titles, view, wide }: PanelProps) {
  const id = useId();
  const { title, unit, format } = quantityOf(panel[0]!);
  const several = titles.length > 1;
  const entries = titles.flatMap((run, at) =>
    panel.map((quantity, i): Entry => ({
      ...looks[(several ? at : i) % looks.length]!,
      name: several ? run : quantityOf(quantity).short,
      run: at,
      quantity,
    })),
  );
  const data = useComputed(() => dataOf(curves.value, entries));
  const cursor = useSignal<number | null>(null);
  const isOpen = useSignal(false);
  const plot = useRef<UPlot | null>(null);
  const write = (value: number | null | undefined): string =>
    value === null || value === undefined ? '–' : format === 'percent' ? percent(value) : plainNumber(value);
  const { x, lines } = data.value;
  const at = cursor.value ?? x.length - 1;
  const valueAt = (line: Column): number | null | undefined => {
    // Rows of one run lie between those of another, and where nobody points each shows how it ended.
    const reach = cursor.value === null ? x.length : 4;
    for (let i = at; i >= 0 && i > at - reach; i--) if (line[i] !== undefined) return line[i];
    return undefined;
  };
  const description = entries
    .map(({ name }, i) => `${name} ${courseOf(x, lines[i]!.line, write)}`)
    .join('; ');
  const moveCursor = (by: number): void => {
    const u = plot.current;
    if (u === null || x.length === 0) return;
    const index = Math.max(0, Math.min(x.length - 1, at + by));
    const left = u.valToPos(x[index]!, 'x');
    const { from, to } = view.seen.value;
    if (x[index]! < from || x[index]! > to) view.move(x[index]! < from ? -0.5 : 0.5);
    u.setCursor({ left, top: 0 });
    cursor.value = index;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => (event.shiftKey ? view.move(-0.25) : moveCursor(-1)),
      ArrowRight: () => (event.shiftKey ? view.move(0.25) : moveCursor(1)),
      Home: () => moveCursor(-x.length),
      End: () => moveCursor(x.length),
      '+': () => view.zoom(0.5),
      '=': () => view.zoom(0.5),
      '-': () => view.zoom(2),
      '0': () => view.show(null),
    };
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  return (
    <figure class={wide ? 'curve wide' : 'curve'} aria-label={title}>
      <div class="curve-head">
        <h3 id={id}>
          {title}
          {unit !== '' && <span class="note"> {unit}</span>}
        </h3>
        <p class="reading" aria-live="polite">
          <span class="note">
            {cursor.value === null && several
              ? 'at the end'
              : `step ${x.length === 0 ? '–' : thousands(x[at] ?? 0)}`}
          </span>
          {entries.map((entry, i) => (
            <span key={i} class="reading-of">
              <Key {...entry} />
              {entries.length > 1 && <bdi>{entry.name}</bdi>} <b>{write(valueAt(lines[i]!.line))}</b>
            </span>
          ))}
        </p>
      </div>
      <div
        class="plot-box"
        role="application"
        tabIndex={0}
        aria-label={`${title}: ${description}. Arrow keys read the steps, with Shift they move along; plus and minus zoom, 0 shows all.`}
        onKeyDown={onKeyDown}
        onDblClick={() => view.show(null)}
      >
        <Plot
          lines={entries}
          data={data}
          range={view.seen}
          format={format}
          height={wide ? 300 : 220}
          onRange={view.show}
          onCursor={(index) => (cursor.value = index)}
          onReady={(ready) => (plot.current = ready)}
        />
      </div>
      <details onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
        <summary>
          Table<span class="unseen"> of {title}</span>
        </summary>
        {isOpen.value && (
          <Table title={title} entries={entries} data={data.value} seen={view.seen.value} write={write} />
        )}
      </details>
    </figure>
  );
}

/** A piece of the line, as the drawing has it. */
function Key({ colour, dash }: PlotLine) {
  return (
    <svg class="key" viewBox="0 0 20 8" width={20} height={8} aria-hidden="true">
      <path d="M0 4H20" stroke={`var(--series-${colour})`} stroke-dasharray={dash.join(' ')} />
    </svg>
  );
}

/** "from 2.31 at step 1 to 0.42 at step 125" */
function courseOf(
  x: readonly number[],
  line: Column,
  write: (value: number | null | undefined) => string,
): string {
  const first = line.findIndex((value) => value !== null && value !== undefined);
  const last = line.findLastIndex((value) => value !== null && value !== undefined);
  if (first < 0) return 'has no values';
  return `from ${write(line[first])} at step ${x[first]} to ${write(line[last])} at step ${x[last]}`;
}

const tableRows = 40;

interface TableProps {
  readonly title: string;
  readonly entries: readonly Entry[];
  readonly data: PlotData;
  readonly seen: Range;
  readonly write: (value: number | null | undefined) => string;
}

function Table({ title, entries, data: { x, lines }, seen, write }: TableProps) {
  const rows = x.flatMap((step, i) => (step >= seen.from && step <= seen.to ? [i] : []));
  const every = Math.ceil(rows.length / tableRows);
  const shown = rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
  return (
    <div class="scroll" role="region" tabIndex={0} aria-label={`${title}, steps`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            {entries.map(({ name }, i) => (
              <th key={i} scope="col">
                <bdi>{name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row}>
              <th scope="row">{thousands(x[row]!)}</th>
              {lines.map(({ line, low, high }, i) => (
                <td key={i}>
                  {write(line[row])}
                  {low[row] !== high[row] && (
                    <span class="note">
                      {' '}
                      {write(low[row])} to {write(high[row])}
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The lines of one panel over the same steps. */
function dataOf(curves: readonly (RunCurves | null)[], entries: readonly Entry[]): PlotData {
  const tables = curves.map((each, run): UPlot.AlignedData => {
    const own = entries.filter((entry) => entry.run === run);
    const steps = each?.steps ?? [];
    const nothing = steps.map(() => null);
    const columns = own.flatMap(({ quantity }) => {
      const { line = nothing, low = null, high = null } = each?.series[quantity] ?? {};
      return [line, low ?? line, high ?? line];
    });
    return [steps, ...columns] as unknown as UPlot.AlignedData;
  });
  const [x, ...columns] = (tables.length === 1 ? tables[0]! : UPlot.join(tables)) as unknown as [
    number[],
    ...Column[],
  ];
  const lines = entries.map((_, i) => ({
    line: columns[3 * i]!,
    low: columns[3 * i + 1]!,
    high: columns[3 * i + 2]!,
  }));
  return { x, lines };
}
