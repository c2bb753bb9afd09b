// The numbers at the top of the report.
import type { Headline } from './data.ts';
import { duration, percent, plainNumber, points } from './format.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';
import { counted, interval, joined } from './parts.ts';

export function headlineSection(headline: Headline | undefined): Section | null {
  if (!headline) return null;
  const { success, changes, durations = [], seeds = [], facts = [] } = headline;
  const small = [
    ...durations.map(({ label, seconds }) => tile(label, duration(seconds))),
    ...(seeds.length === 0 ? [] : [tile(seeds.length === 1 ? 'Seed' : 'Seeds', seeds.join(', '))]),
    ...facts.map(({ label, value, note }) =>
      tile(label, typeof value === 'number' ? plainNumber(value, 4) : value, note),
    ),
  ];
  if (!success && !changes && small.length === 0) return null;
  const body = markup`${success && successTiles(success)}${changes && changeTiles(changes)}${small.length > 0 && markup`<dl class="tiles small">${small}</dl>`}`;
  return { id: 'result', title: 'Result', body };
}

function successTiles({
  before,
  after,
  difference,
  of,
  interval: kind,
}: NonNullable<Headline['success']>): Markup {
  const { value, low, high } = difference ?? { value: after.value - before.value };
  const around = low === undefined || high === undefined ? null : `${points(low)} to ${points(high)}`;
  return markup`<dl class="tiles">${[
    tile('Before', percent(before.value), joined(interval(before), counted(before))),
    tile('After', percent(after.value), joined(interval(after), counted(after)), 'strong'),
    tile('Difference', points(value), joined('points', around)),
  ]}</dl><p class="note">Success rate: ${of}${kind && `; ${kind}`}.</p>`;
}

function changeTiles({ of, note }: NonNullable<Headline['changes']>): Markup {
  return markup`<dl class="tiles">${of.map(({ label, before, after, note: own }) =>
    tile(label, `${percent(before)} → ${percent(after)}`, own, 'change'),
  )}</dl><p class="note">${note}</p>`;
}

const tile = (label: string, value: string, note?: string | null, kind = ''): Markup =>
  markup`<div class="${kind}"><dt>${label}</dt><dd class="value">${value}</dd>${note && markup`<dd class="note">${note}</dd>`}</div>`;
