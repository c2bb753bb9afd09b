// Pieces that several sections of the page are made of: sections, tables, figures with their data.
import type { SuccessRate } from './data.ts';
import { percent } from './format.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';

/** A section of the page, with what the navigation calls it. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

/** Cells may be markup; the first of each row is its header. Scrolls by itself where it is too wide. */
export function dataTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | number | Markup)[])[],
): Markup {
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head.map(
    (name) => markup`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([first, ...rest]) =>
      markup`<tr><th scope="row">${first}</th>${rest.map((cell) => markup`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** What a figure shows as a table, folded away below it. */
export const folded = (summary: string, body: Markup): Markup =>
  markup`<details><summary>${summary}</summary>${body}</details>`;

/** Pixels of every figure in a wide window; style.ts has it too. */
export const FIGURE_WIDTH = 760;

/** One figure drawn twice, for wide and for narrow windows; only one of the two is ever displayed. */
export const bothWidths = (draw: (width: number) => Markup, wide: number): Markup =>
  markup`<div class="wide">${draw(wide)}</div><div class="narrow">${draw(328)}</div>`;

/** "27.9–35.3%", or nothing where there is no interval. */
export const interval = ({ low, high }: SuccessRate): string | null =>
  low === undefined || high === undefined ? null : `${percent(low).replace('%', '')}–${percent(high)}`;

/** "189 of 600", or nothing where it was not counted. */
export const counted = ({ successes, count }: SuccessRate): string | null =>
  successes === undefined || count === undefined ? null : `${successes} of ${count}`;

export const joined = (...parts: readonly (string | null | undefined)[]): string =>
  parts.filter(Boolean).join(' · ');
