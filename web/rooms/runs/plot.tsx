// One drawing of lines over steps, by uPlot: lines with the extremes that they average, a cursor that all drawings of the
// page share, zooming by mouse, wheel and touch. Knows numbers, not what they mean.
import { effect } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { tickLabels, valueDomain } from '../../../src/report/ticks.ts';
import type { NumberFormat } from '../../../src/report/ticks.ts';
import { fonts } from '../../../src/report/palette.ts';
import { isDark } from '../../shell/theme.tsx';
import type { Range } from './curve-data.ts';

export interface PlotLine {
  /** Place in the palette. */
  readonly colour: number;
  readonly dash: readonly number[];
}

export type Column = readonly (number | null | undefined)[];

export interface PlotData {
  readonly x: readonly number[];
  /** For each line: its values, and the extremes, where there are other ones. */
  readonly lines: readonly { readonly line: Column; readonly low: Column; readonly high: Column }[];
}

export interface PlotProps {
  readonly lines: readonly PlotLine[];
  readonly data: ReadonlySignal<PlotData>;
  /** What is seen. */
  readonly range: ReadonlySignal<Range>;
  readonly format: NumberFormat;
  readonly height: number;
  /** Wants to see another range. */
  readonly onRange: (range: Range) => void;
  /** Hears where in the data the cursor is; null where it is nowhere. */
  readonly onCursor: (index: number | null) => void;
  /** Hands out the drawing, to move its cursor. */
  readonly onReady?: (plot: UPlot) => void;
}

const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
/** A colour of the palette, thinned. */
const faint = (colour: string, share: number): string =>
  colour +
  Math.round(255 * share)
    .toString(16)
    .padStart(2, '0');

const stepIncrements = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((factor) => factor * 10 ** power),
).flat();

export function Plot(props: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const { lines, data, range, format, height } = props;
    const target = box.current!;
    const plot = new UPlot(
      optionsOf({
        ...{ lines, format, height },
        width: Math.max(120, target.clientWidth),
        onRange: (next) => latest.current.onRange(next),
        onCursor: (index) => latest.current.onCursor(index),
      }),
      columnsOf(data.peek()),
      target,
    );
    props.onReady?.(plot);
    const follow = effect(() => {
      const columns = columnsOf(data.value);
      plot.setData(columns, false);
      show(plot, range.peek());
    });
    const move = effect(() => show(plot, range.value));
    const recolour = effect(() => {
      void isDark.value;
      // The page has its new colours in the next frame.
      requestAnimationFrame(() => plot.redraw(true, true));
    });
    const resized = new ResizeObserver(() => {
      const width = Math.max(120, target.clientWidth);
      if (width !== plot.width) plot.setSize({ width, height });
    });
    resized.observe(target);
    const release = gestures(plot, range, (next) => latest.current.onRange(next));
    return () => {
      for (const stop of [follow, move, recolour, release]) stop();
      resized.disconnect();
      plot.destroy();
    };
  }, []);
  return <div class="plot" ref={box} />;
}

function show(plot: UPlot, { from, to }: Range): void {
  plot.setScale('x', { min: from, max: Math.max(to, from + 1) });
}

function columnsOf({ x, lines }: PlotData): UPlot.AlignedData {
  return [x, ...lines.flatMap(({ line, low, high }) => [high, low, line])] as unknown as UPlot.AlignedData;
}

interface OptionSource extends Pick<PlotProps, 'lines' | 'format' | 'height' | 'onRange' | 'onCursor'> {
  readonly width: number;
}

function optionsOf({ lines, format, height, width, onRange, onCursor }: OptionSource): UPlot.Options {
  const font = `12px ${fonts}`;
  const axis: UPlot.Axis = {
    stroke: () => colourOf('soft'),
    font,
    grid: { stroke: () => colourOf('grid'), width: 1 },
    ticks: { show: false },
    gap: 6,
  };
  return {
    width,
    height,
    // Room for half of the last number below.
    padding: [8, 28, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false },
      y: {
        range: (_, low, high) =>
          low === null || high === null || !Number.isFinite(low + high) ? [0, 1] : valueDomain(low, high),
      },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 72,
        incrs: stepIncrements,
        values: (_, ticks) => tickLabels(ticks, 'number'),
      },
      { ...axis, size: 56, space: 40, values: (_, ticks) => tickLabels(ticks, format) },
    ],
    series: [
      {},
      ...lines.flatMap(({ colour, dash }): UPlot.Series[] => {
        const ink = (): string => colourOf(`series-${colour}`);
        const edge: UPlot.Series = {
          stroke: () => faint(ink(), 0.22),
          width: 1,
          points: { show: false },
        };
        return [
          edge,
          { ...edge },
          {
            stroke: ink,
            width: 1.9,
            ...(dash.length > 0 && { dash: [...dash] }),
            // A single step is a dot.
            points: { show: (u) => (u.data[0]?.length ?? 0) < 2, size: 6, fill: ink },
          },
        ];
      }),
    ],
    bands: lines.map(({ colour }, i) => ({
      series: [1 + 3 * i, 2 + 3 * i] as UPlot.Band.Bounds,
      fill: () => faint(colourOf(`series-${colour}`), 0.16),
    })),
    cursor: {
      y: false,
      sync: { key: 'run', scales: ['x', null] },
      drag: { x: true, y: false, setScale: false },
      points: { show: false },
    },
    hooks: {
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width: wide } = u.select;
          if (wide < 4) return;
          const [from, to] = [u.posToVal(left, 'x'), u.posToVal(left + wide, 'x')];
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onRange({ from, to });
        },
      ],
    },
  };
}

/**
 * Wheel with Control (a pinch on a trackpad sends it) zooms, a sideways wheel moves; one finger moves sideways where the
 * drawing is zoomed, two zoom. What scrolls the page otherwise still does.
 */
function gestures(plot: UPlot, range: ReadonlySignal<Range>, onRange: (range: Range) => void): () => void {
  const area = plot.over;
  const stop = new AbortController();
  const { signal } = stop;
  let next: Range | null = null;
  const want = (wanted: Range): void => {
    // Events come faster than frames.
    if (next === null) requestAnimationFrame(() => next !== null && (onRange(next), (next = null)));
    next = wanted;
  };
  const present = (): Range => next ?? range.peek();
  const stepAt = (clientX: number): number => {
    const { left, width } = area.getBoundingClientRect();
    const { from, to } = present();
    return from + ((clientX - left) / width) * (to - from);
  };
  area.addEventListener(
    'wheel',
    (event) => {
      const { from, to } = present();
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (!event.ctrlKey && !event.metaKey && !sideways) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        const around = stepAt(event.clientX);
        const factor = Math.exp(Math.max(-1, Math.min(1, event.deltaY * 0.01)));
        want({ from: around - (around - from) * factor, to: around + (to - around) * factor });
        return;
      }
      const by = (event.deltaX / area.clientWidth) * (to - from);
      want({ from: from + by, to: to + by });
    },
    { passive: false, signal },
  );
  const fingers = new Map<number, number>();
  area.addEventListener(
    'pointerdown',
    (event) => {
      if (event.pointerType === 'touch') fingers.set(event.pointerId, event.clientX);
    },
    { signal },
  );
  area.addEventListener(
    'pointermove',
    (event) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) return;
      const { from, to } = present();
      const width = area.clientWidth;
      if (fingers.size === 1) {
        const by = ((event.clientX - before) / width) * (to - from);
        want({ from: from - by, to: to - by });
      } else if (fingers.size === 2) {
        const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
        const [was, is] = [Math.abs(before - other!), Math.abs(event.clientX - other!)];
        const around = stepAt((event.clientX + other!) / 2);
        const factor = Math.max(0.5, Math.min(2, was / Math.max(1, is)));
        want({ from: around - (around - from) * factor, to: around + (to - around) * factor });
      }
      fingers.set(event.pointerId, event.clientX);
    },
    { signal },
  );
  for (const name of ['pointerup', 'pointercancel', 'pointerleave'] as const)
    area.addEventListener(name, (event) => void fingers.delete(event.pointerId), { signal });
  return () => stop.abort();
}
