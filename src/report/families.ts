// Success by family of instructions, before and after: bars and their table.
import { drawBars } from './bar-figure.ts';
import type { FamilyResult, ReportData, SuccessRate } from './data.ts';
import { percent, points } from './format.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';
import { FIGURE_WIDTH, bothWidths, counted, dataTable, folded, interval, joined } from './parts.ts';

export function familiesSection({ families = [], headline }: ReportData): Section | null {
  if (families.length === 0) return null;
  const whole = headline?.success;
  const rows: FamilyResult[] = [
    ...(whole ? [{ title: 'All', before: whole.before, after: whole.after }] : []),
    ...families,
  ];
  const improved = families.filter(({ before, after }) => after.value > before.value).length;
  const description = `Higher after than before in ${improved} of ${families.length} families.`;
  const figure = {
    title: 'Success rate by family, before and after',
    description,
    value: { label: 'success rate', format: 'percent', domain: [0, 1] },
    series: [{ name: 'before', reference: true }, { name: 'after' }],
    groups: rows.map(({ title, before, after }) => ({ name: title, values: [before, after] })),
  } as const;
  const written = (rate: SuccessRate): string => joined(percent(rate.value), interval(rate), counted(rate));
  const table = dataTable(
    'Success rate by family',
    ['Family', 'Before', 'After', 'Difference, points'],
    rows.map(({ title, before, after }) => [
      title,
      written(before),
      written(after),
      points(after.value - before.value),
    ]),
  );
  const body = markup`<figure>${bothWidths((width) => drawBars({ ...figure, width }, { standalone: false }), FIGURE_WIDTH)}<figcaption>${description}${whole?.interval && ` Whiskers: ${whole.interval}.`}</figcaption></figure>${folded('Table of success rates', table)}`;
  return { id: 'families', title: 'By family', body };
}
