// The pages of docs/ against what is saved of the runs that they tell of: every figure of a table from the answers behind it, the
// pages from the records, the page that sums them up from all of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mean } from '../../src/evaluation/index.ts';
import type { Estimate } from '../../src/evaluation/index.ts';
import { percent, points } from '../../src/report/format.ts';
import { everything } from './everything.ts';
import type { Measure } from './measures.ts';
import { suitePage } from './page.ts';
import type { SavedRecord } from './record.ts';
import { resultsPage } from './results-page.ts';
import type { SuiteRow } from './suite.ts';
import type { Table } from './table.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const read = (file: string): string => readFileSync(`${docs}${file}`, 'utf8');
const recorded = readdirSync(`${docs}results`)
  .filter((file) => file.endsWith('.json') && !file.startsWith('world-template'))
  .map((file) => JSON.parse(read(`results/${file}`)) as SavedRecord);

/** Without what a formatter changes: widths of columns, blank lines. */
const plain = (markdown: string): string =>
  markdown
    .replaceAll(/:?-{2,}:?/g, '--')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\n+/g, '\n')
    .replaceAll('\\', '')
    .trim();

interface Marks {
  readonly plain: string;
  readonly praised: string | null;
  readonly measured?: Partial<Record<Measure['id'], number[]>>;
  readonly rounds?: readonly Marks[];
}

/** The numbers behind a row of a table, seed by seed. */
const behind = ({ cells }: SavedRecord, row: SuiteRow, measure: Measure['id']): number[][] =>
  cells
    .filter((cell) => cell.row === row.id)
    .map(({ result }) => {
      const found = typeof row.part === 'number' ? (result as Marks).rounds![row.part]! : (result as Marks);
      if (measure !== 'success') return found.measured![measure]!;
      return Array.from((row.part === 'praised' ? found.praised : found.plain)!, Number);
    });

const tables = recorded.filter(({ table }) => (table as Partial<Table>).measures?.[0]?.id === 'success');

describe.each(tables)('$name', (record) => {
  const page = plain(read(`results/${record.name}.md`));

  it('has every figure from the answers that it tells of', () => {
    const { measures, rows } = record.table as Table;
    for (const { row, cells } of rows) {
      for (const { id } of measures) {
        const { estimate, perSeed, difference } = cells[id]!;
        const seeds = behind(record, row, id).map((values) => mean(values));
        expect(seeds.length, row.id).toBe(perSeed.length);
        for (const [i, value] of seeds.entries()) expect(value, row.id).toBeCloseTo(perSeed[i]!, 3);
        expect(estimate.value, row.id).toBeCloseTo(mean(seeds), 3);
        expect(estimate.low).toBeLessThanOrEqual(estimate.value);
        expect(estimate.high).toBeGreaterThanOrEqual(estimate.value);
        expect(page).toContain(percent(estimate.value));
        if (difference === null) continue;
        const against = rows.find((other) => other.row.id === row.against)!;
        expect(difference.value, row.id).toBeCloseTo(estimate.value - against.cells[id]!.estimate.value, 3);
        expect(page).toContain(differenceText(difference));
      }
    }
  });
});

const differenceText = ({ value, low, high }: Estimate): string =>
  `${points(value)} [${points(low).replace('+', '')} to ${points(high).replace('+', '')}]`;

it.each(recorded)('$name is the page of its record', ({ name, page }) => {
  expect(plain(read(`results/${name}.md`))).toBe(plain(suitePage(page)));
});

it('sums up all records, and nothing else', () => {
  const inOrder = everything.flatMap(({ name }) => recorded.filter((record) => record.name === name));
  const others = everything.filter(
    ({ name }) => existsSync(`${docs}results/${name}.md`) && recorded.every((record) => record.name !== name),
  );
  const earlier = others.map(({ name }) => ({
    name,
    title: /^# (.*)/.exec(read(`results/${name}.md`))![1]!,
  }));
  expect(plain(read('results.md'))).toBe(plain(resultsPage(inOrder, earlier)));
});

it('has every page that it names', () => {
  for (const [, file] of read('results.md').matchAll(/\]\((results\/[\w-]+\.md)\)/g)) {
    expect(existsSync(`${docs}${file}`), file).toBe(true);
  }
});
