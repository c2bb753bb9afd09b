// Training curves: loss and its parts, flagged fraction and learning rate over the optimizer's steps.
import type { StepPoint, TrainingCurve } from './data.ts';
import { percent, plainNumber } from './format.ts';
import type { LineFigure, LinePoint, LineSeries } from './line-figure.ts';
import { drawLines } from './line-figure.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';
import { dataTable, folded } from './parts.ts';
import type { NumberFormat } from './ticks.ts';

interface Quantity {
  readonly name: string;
  readonly label: string;
  readonly format: NumberFormat;
  readonly of: (step: StepPoint) => number | null | undefined;
  /** Quantities that do not jump from batch to batch are drawn as they are. */
  readonly exact?: boolean;
}

/** From this many steps on lines are running means. */
const SMOOTHED_STEPS = 40;
const TABLE_ROWS = 40;
const DRAWN_POINTS = 400;
/** Two panels and the gap between them are as wide as any other figure, see style.ts. */
const PANEL_WIDTH = 364;

export function curvesSection(curves: readonly TrainingCurve[] = []): Section | null {
  const runs = curves.filter(({ steps }) => steps.length > 0);
  if (runs.length === 0) return null;
  const longest = Math.max(...runs.map(({ steps }) => steps.length));
  const window = meanWindow(longest);
  const quantities = quantitiesOf(runs);
  const parts = quantities.filter(({ label }) => label === LOSS);
  // The parts of one run's loss share a panel; of several runs each quantity has its own, with a line a run.
  const panels =
    runs.length === 1
      ? [parts, ...quantities.filter((quantity) => !parts.includes(quantity)).map((one) => [one])]
      : quantities.map((one) => [one]);
  const drawn = panels.map((panel) => panelFigure(panel, runs, window));
  const note =
    window > 1 &&
    markup`<p class="note">Lines are means over ${window} neighbouring steps${runs.length === 1 && '; behind them, faintly, each step'}. The learning rate is exact.</p>`;
  const body = markup`<div class="panels">${drawn}</div>${note}${runs.map((run) => stepTable(run, quantities, runs.length > 1))}`;
  return { id: 'training', title: 'Training', body };
}

/** Over how many neighbouring steps a line is a mean where it shows this many steps; odd. */
export const meanWindow = (steps: number): number =>
  steps < SMOOTHED_STEPS ? 1 : 2 * Math.ceil(steps / 40) + 1;

const LOSS = 'loss, nats';

function quantitiesOf(runs: readonly TrainingCurve[]): Quantity[] {
  const steps = runs.flatMap((run) => run.steps);
  const partNames = [...new Set(steps.flatMap(({ parts }) => Object.keys(parts ?? {})))];
  const all: Quantity[] = [
    { name: 'loss', label: LOSS, format: 'number', of: ({ loss }) => loss },
    ...partNames.map((name): Quantity => ({
      name,
      label: LOSS,
      format: 'number',
      of: ({ parts }) => parts?.[name],
    })),
    {
      name: 'flagged fraction',
      label: 'share of contrasted tokens flagged',
      format: 'percent',
      of: ({ flaggedFraction }) => flaggedFraction,
    },
    {
      name: 'learning rate',
      label: '',
      format: 'number',
      of: ({ learningRate }) => learningRate,
      exact: true,
    },
  ];
  return all.filter(({ of }) => steps.some((step) => isNumber(of(step))));
}

function panelFigure(panel: readonly Quantity[], runs: readonly TrainingCurve[], window: number): Markup {
  const first = panel[0]!;
  // A legend takes the place of the axis' label; the unit is then in the heading.
  const isLoss = first.label === LOSS;
  const heading = sentence(
    panel.length > 1 ? 'loss and its parts, nats' : isLoss ? `${first.name}, nats` : first.name,
  );
  const series = runs.flatMap(({ name, steps }) =>
    panel.map((quantity): LineSeries => {
      const values = steps.map((step) => ({ x: step.step, y: quantity.of(step) ?? null }));
      const smooth = quantity.exact || window === 1 ? values : runningMean(values, window);
      return {
        name: runs.length > 1 ? name : quantity.name,
        points: thinned(smooth, DRAWN_POINTS),
        ...(smooth !== values && runs.length === 1 && { raw: extremes(values, DRAWN_POINTS) }),
      };
    }),
  );
  const description = series.map(({ name, points }) => fromTo(name, points, first.format)).join(' ');
  const figure: LineFigure = {
    title: heading,
    description,
    x: { label: 'optimizer step' },
    y: { label: isLoss ? '' : first.label, format: first.format },
    series,
    names: 'legend',
    frame: { left: 46, top: 34 },
    width: PANEL_WIDTH,
    height: 240,
  };
  return markup`<figure><h3>${heading}</h3>${drawLines(figure, { standalone: false })}</figure>`;
}

/** "loss from 2.31 at step 1 to 0.42 at step 125." */
function fromTo(name: string, points: readonly LinePoint[], format: NumberFormat): string {
  const known = points.filter(({ y }) => isNumber(y));
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return `${name}: no values.`;
  const write = (y: number): string => (format === 'percent' ? percent(y) : plainNumber(y));
  return `${name} from ${write(first.y!)} at step ${first.x} to ${write(last.y!)} at step ${last.x}.`;
}

function stepTable(
  { name, steps }: TrainingCurve,
  quantities: readonly Quantity[],
  several: boolean,
): Markup {
  const every = Math.ceil(steps.length / TABLE_ROWS);
  const rows = steps.filter((_, i) => i % every === 0 || i === steps.length - 1);
  const caption = `Steps${several ? ` of ${name}` : ''}${every > 1 ? `, one in ${every}` : ''}`;
  return folded(
    `Table of steps${several ? `, ${name}` : ''}`,
    dataTable(
      caption,
      ['Step', ...quantities.map((quantity) => sentence(quantity.name))],
      rows.map((step) => [
        step.step,
        ...quantities.map(({ of, format }) => {
          const value = of(step);
          return format === 'percent' && isNumber(value) ? percent(value) : plainNumber(value);
        }),
      ]),
    ),
  );
}

/** The mean of the known values among `window` neighbours, fewer at both ends; null stays null. */
export function runningMean(points: readonly LinePoint[], window: number): LinePoint[] {
  const reach = (window - 1) / 2;
  return points.map(({ x, y }, i) => {
    if (!isNumber(y)) return { x, y: null };
    let [sum, count] = [0, 0];
    for (let j = Math.max(0, i - reach); j <= Math.min(points.length - 1, i + reach); j++) {
      const value = points[j]!.y;
      if (isNumber(value)) [sum, count] = [sum + value, count + 1];
    }
    return { x, y: sum / count };
  });
}

/** Every n-th point and the last, about `most` of them. */
function thinned(points: readonly LinePoint[], most: number): readonly LinePoint[] {
  const every = Math.ceil(points.length / most);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

/** The lowest and the highest of neighbouring points in their order, so that no spike is lost. */
function extremes(points: readonly LinePoint[], most: number): readonly LinePoint[] {
  const size = Math.ceil(points.length / most);
  if (size <= 2) return points;
  const kept: LinePoint[] = [];
  for (let from = 0; from < points.length; from += size) {
    const bucket = points.slice(from, from + size).filter(({ y }) => isNumber(y));
    if (bucket.length === 0) continue;
    const low = bucket.reduce((a, b) => (b.y! < a.y! ? b : a));
    const high = bucket.reduce((a, b) => (b.y! > a.y! ? b : a));
    kept.push(...(low === high ? [low] : low.x < high.x ? [low, high] : [high, low]));
  }
  return kept;
}

const isNumber = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const sentence = (name: string): string =>
  /^[a-z]+\d/.test(name) ? name : name.slice(0, 1).toUpperCase() + name.slice(1);
