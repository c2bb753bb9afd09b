// Reports and figures: data in, text out. No files, no network.
export type * from './data.ts';
export { renderReport } from './page.ts';
export { flatten } from './run-section.ts';
export { barFigure } from './bar-figure.ts';
export type { BarFigure } from './bar-figure.ts';
export { lineFigure } from './line-figure.ts';
export type { Axis, LineFigure, LinePoint, LineSeries } from './line-figure.ts';
export type { FigureOptions } from './figure.ts';
export type { NumberFormat } from './ticks.ts';
