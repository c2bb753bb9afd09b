// Series over x with bands or whiskers, as SVG. It knows numbers and names, not what they mean.
import type { FigureOptions } from './figure.ts';
import { FONT_SIZE, dash, legend, marker, px, scaleOf, seriesClasses, svgFigure } from './figure.ts';
import { markup, markupText } from './markup.ts';
import type { Markup } from './markup.ts';
import { fitText, textWidth } from './text-width.ts';
import type { NumberFormat } from './ticks.ts';
import { linearTicks, logTicks, tickLabels, valueDomain } from './ticks.ts';

export interface LineFigure {
  readonly title: string;
  /** What the figure says, for those who cannot see it. */
  readonly description?: string;
  readonly x: Axis & {
    /** A logarithmic axis leaves out points at or below 0. */
    readonly log?: boolean;
    /** Where ticks stand, for instance the values that were run; default round values. */
    readonly ticks?: readonly number[];
  };
  readonly y: Axis;
  readonly series: readonly LineSeries[];
  /** Horizontal lines, for instance the base model. */
  readonly references?: readonly { readonly name: string; readonly y: number }[];
  /** Names at the ends of the lines, in a legend, or wherever they fit without pushing each other away (the default). */
  readonly names?: 'direct' | 'legend';
  /** Least room left of the axis and above the plot, in pixels, so that figures side by side have plots of one size. */
  readonly frame?: { readonly left: number; readonly top: number };
  /** Pixels, default 640 x 360. */
  readonly width?: number;
  readonly height?: number;
}

export interface Axis {
  /** With the unit, for instance "loss (nats per token)". */
  readonly label: string;
  /** 'percent' takes shares from 0 to 1. */
  readonly format?: NumberFormat;
  /** Where the axis begins and ends; default the data's extent, for y with a margin. */
  readonly domain?: readonly [number, number];
}

export interface LineSeries {
  readonly name: string;
  /** In ascending order of x. A y of null leaves a gap, as a run that diverged does. */
  readonly points: readonly LinePoint[];
  /** How `low` and `high` are drawn. Default whiskers. */
  readonly spread?: 'band' | 'whiskers';
  /** Grey, as what others are compared with. */
  readonly reference?: boolean;
  /** The values that `points` smooth, drawn faintly behind them. */
  readonly raw?: readonly LinePoint[];
}

export interface LinePoint {
  readonly x: number;
  readonly y: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

/** Draws the figure; the result is an .svg file or, with `standalone: false`, an element for a page. */
export function lineFigure(figure: LineFigure, options: FigureOptions = {}): string {
  return markupText(drawLines(figure, options));
}

/** From this many points on a line goes without markers, and its kind of dash tells it from others. */
const MARKED_POINTS = 16;

export function drawLines(figure: LineFigure, options: FigureOptions): Markup {
  const { width = 640, height = 360, references = [] } = figure;
  const log = figure.x.log ?? false;
  const inAxis = ({ x }: LinePoint): boolean => Number.isFinite(x) && (!log || x > 0);
  const series = figure.series.map((one) => ({ ...one, points: one.points.filter(inAxis) }));
  const colours = seriesClasses(series);
  const marked = series.every(({ points }) => points.length < MARKED_POINTS);
  const several = series.length > 1;
  const named = several ? series.length + references.length : references.length;
  const longest = Math.max(
    ...[...(several ? series : []), ...references].map(({ name }) => textWidth(name, FONT_SIZE)),
    0,
  );
  const yDomain = figure.y.domain ?? yExtent(series, references);
  const bottom = height - 40;
  const bare = Math.max(figure.y.label === '' ? 8 : 26, figure.frame?.top ?? 0);
  const ends = [
    ...(several ? lastPoints(series, colours) : []),
    ...references.map(({ name, y }) => ({ name, colour: 0, y })),
  ];
  const fits = (): boolean =>
    named <= 8 &&
    longest <= width * 0.28 &&
    placed(ends, { top: bare, bottom, y: scaleOf(yDomain, [bottom, bare]) }).every(
      ({ at, end }) => Math.abs(at - end) <= nameSpacing / 2,
    );
  const direct = named > 0 && (figure.names ? figure.names === 'direct' : fits());
  const keyed = named > 0 && !direct;

  const key = legend(
    [
      ...(several ? series.map(({ name }, i) => ({ name, key: lineKey(i, colours[i]!, marked) })) : []),
      ...references.map(({ name }) => ({
        name,
        key: markup`<path class="line-0" stroke-dasharray="5 3" d="M0 6H18"/>`,
      })),
    ],
    width,
  );
  const top = Math.max(
    (keyed ? key.height + 8 : 0) + (figure.y.label === '' ? 8 : 26),
    figure.frame?.top ?? 0,
  );
  const most = { x: 0, y: Math.max(4, Math.min(7, Math.floor((bottom - top) / 28))) };
  const yTicks = linearTicks(yDomain[0], yDomain[1], most.y + 1);
  const yLabels = tickLabels(yTicks, figure.y.format ?? 'number');
  const left = Math.max(
    Math.max(...yLabels.map((label) => textWidth(label, FONT_SIZE)), 8) + 8,
    figure.frame?.left ?? 0,
  );
  const right = width - (direct ? Math.min(longest, width * 0.34) + 14 : 14);
  most.x = Math.max(2, Math.floor((right - left) / 56));
  const xDomain = figure.x.domain ?? xExtent(series, log);
  const xTicks = thinTicks(
    figure.x.ticks ??
      (log ? logTicks(xDomain[0], xDomain[1], most.x) : linearTicks(xDomain[0], xDomain[1], most.x)),
    most.x,
  );
  const xLabels = tickLabels(xTicks, figure.x.format ?? 'number', log);
  // Markers and whiskers keep off the y axis.
  const inset = marked ? 10 : 0;
  const x = scaleOf(xDomain, [left + inset, right - inset], log);
  const y = scaleOf(yDomain, [bottom, top]);

  const grid = yTicks.map((tick, i) => {
    const at = px(y(tick));
    return markup`<line class="grid" x1="${px(left)}" x2="${px(right)}" y1="${at}" y2="${at}"/><text class="soft number" x="${px(left - 6)}" y="${px(at + 4)}" text-anchor="end">${yLabels[i]}</text>`;
  });
  const xAxis = xTicks.map((tick, i) => {
    const at = px(x(tick));
    return markup`<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/><text class="soft number" x="${at}" y="${bottom + 17}" text-anchor="middle">${xLabels[i]}</text>`;
  });
  const lines = series.map((one, i) =>
    drawSeries(one, { i, colour: colours[i]!, count: series.length, marked, log, x, y }),
  );
  const marks = references.map(({ y: value }) => {
    const at = px(y(value));
    return markup`<line class="line-0" stroke-dasharray="5 3" x1="${px(left)}" x2="${px(right)}" y1="${at}" y2="${at}"/>`;
  });
  const body = markup`${keyed && key.body}<text class="soft" x="0" y="${top - 12}">${fitText(figure.y.label, FONT_SIZE, width)}</text>${grid}<line class="axis" x1="${px(left)}" x2="${px(right)}" y1="${bottom}" y2="${bottom}"/>${xAxis}<text class="soft" x="${px((left + right) / 2)}" y="${bottom + 35}" text-anchor="middle">${fitText(figure.x.label, FONT_SIZE, right - left)}</text>${marks}${lines}${direct && endNames(ends, { right, top, bottom, width, y })}`;
  return svgFigure({ ...figure, width, height, body }, options);
}

interface Plot {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function drawSeries(
  series: LineSeries,
  plot: Plot & { i: number; colour: number; count: number; marked: boolean; log: boolean },
): Markup {
  const { i, colour, count, marked, log, y } = plot;
  const whiskers = series.spread !== 'band';
  // Whiskers of several series at one x would hide each other.
  const shift = whiskers && marked && series.points.some(hasSpread) ? (i - (count - 1) / 2) * 4 : 0;
  const x = (value: number): number => plot.x(value) + shift;
  const behind = series.raw?.filter((point) => !log || point.x > 0) ?? [];
  const spreads = whiskers
    ? series.points.filter(hasSpread).map(({ x: at, low, high }) => {
        const [c, from, to] = [px(x(at)), px(y(low)), px(y(high))];
        return markup`<path class="line-${colour}" d="M${c} ${from}V${to}M${px(c - 3)} ${from}h6M${px(c - 3)} ${to}h6"/>`;
      })
    : runs(series.points, hasSpread).map((run) => {
        const upper = run.map((point) => `${px(x(point.x))} ${px(y(point.high))}`);
        const lower = run.map((point) => `${px(x(point.x))} ${px(y(point.low))}`).reverse();
        return markup`<path class="band-${colour}" d="M${[...upper, ...lower].join('L')}Z"/>`;
      });
  const dashed = !marked && dash(i);
  return markup`${behind.length > 0 && markup`<path class="line-${colour} faint" d="${path(behind, { x, y })}"/>`}${spreads}<path class="line-${colour}"${dashed && markup` stroke-dasharray="${dashed}"`} d="${path(series.points, { x, y })}"/>${
    marked &&
    series.points
      .filter(hasValue)
      .map(
        (point) =>
          markup`<g transform="translate(${px(x(point.x))} ${px(y(point.y))})">${marker(i, colour)}</g>`,
      )
  }`;
}

/** A value between two gaps is a line without length, which its round ends make a dot. */
function path(points: readonly LinePoint[], { x, y }: Plot): string {
  return runs(points, hasValue)
    .map(
      (run) =>
        'M' +
        run.map((point) => `${px(x(point.x))} ${px(y(point.y))}`).join('L') +
        (run.length === 1 ? 'h0' : ''),
    )
    .join('');
}

type Valued = LinePoint & { readonly y: number };
type Spread = LinePoint & { readonly low: number; readonly high: number };
const finite = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);
const hasValue = (point: LinePoint): point is Valued => finite(point.y);
const hasSpread = (point: LinePoint): point is Spread => finite(point.low) && finite(point.high);

/** The stretches of points that pass the test. */
function runs<P extends LinePoint>(
  points: readonly LinePoint[],
  test: (point: LinePoint) => point is P,
): P[][] {
  const found: P[][] = [[]];
  for (const point of points) {
    if (test(point)) found.at(-1)!.push(point);
    else if (found.at(-1)!.length > 0) found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

const lineKey = (i: number, colour: number, marked: boolean): Markup =>
  markup`<path class="line-${colour}"${!marked && dash(i) !== '' && markup` stroke-dasharray="${dash(i)}"`} d="M0 6H18"/>${marked && markup`<g transform="translate(9 6)">${marker(i, colour)}</g>`}`;

interface LineEnd {
  readonly name: string;
  readonly colour: number;
  readonly y: number;
}

const lastPoints = (series: readonly LineSeries[], colours: readonly number[]): LineEnd[] =>
  series.flatMap(({ name, points }, i) => {
    const last = points.filter(hasValue).at(-1);
    return last ? [{ name, colour: colours[i]!, y: last.y }] : [];
  });

/** Pixels from a name to the next one below it. */
const nameSpacing = 15;

/** Where the names of lines stand that end at `end`, from top to bottom: moved apart where they would overlap. */
function placed(
  lines: readonly LineEnd[],
  { top, bottom, y }: { top: number; bottom: number; y: Plot['y'] },
): (LineEnd & { readonly end: number; at: number })[] {
  const ends = lines
    .map((line) => ({ ...line, end: y(line.y), at: y(line.y) }))
    .sort((a, b) => a.end - b.end);
  let floor = top;
  for (const label of ends) floor = (label.at = Math.max(label.at, floor)) + nameSpacing;
  let ceiling = bottom;
  for (const label of [...ends].reverse()) ceiling = (label.at = Math.min(label.at, ceiling)) - nameSpacing;
  return ends;
}

/** Names right of the lines' last points. */
function endNames(
  lines: readonly LineEnd[],
  plot: { right: number; top: number; bottom: number; width: number; y: Plot['y'] },
): Markup {
  const { right, width } = plot;
  return markup`${placed(lines, plot).map(
    ({ name, colour, end, at }) =>
      markup`<path class="line-${colour}" d="M${px(right + 2)} ${px(end)}L${px(right + 9)} ${px(at)}"/><text x="${px(right + 13)}" y="${px(at + 4)}">${fitText(name, FONT_SIZE, width - right - 12)}</text>`,
  )}`;
}

function yExtent(
  series: readonly LineSeries[],
  references: readonly { readonly y: number }[],
): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  const see = (value: number | null | undefined): void => {
    if (finite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  };
  for (const { points, raw = [] } of series)
    for (const point of [...points, ...raw]) [point.y, point.low, point.high].forEach(see);
  for (const { y } of references) see(y);
  return low > high ? [0, 1] : valueDomain(low, high);
}

function xExtent(series: readonly LineSeries[], log: boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { points } of series)
    for (const { x } of points) [low, high] = [Math.min(low, x), Math.max(high, x)];
  if (low > high) return log ? [1, 10] : [0, 1];
  if (low === high) return log ? [low / 2, high * 2] : [low - 1, high + 1];
  return [low, high];
}

/** Every n-th tick, so that no more than `most` are left and the last one stays. */
function thinTicks(ticks: readonly number[], most: number): number[] {
  const every = Math.ceil(ticks.length / most);
  return ticks.filter((_, i) => (ticks.length - 1 - i) % every === 0);
}
