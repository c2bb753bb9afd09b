// AlpacaEval's tables for length control, as CSV or any other format of rows: instruction_difficulty.csv, or df_gamed.csv
// with preferences beside the difficulties. Knows their columns.
import { WhetstoneError } from '../../errors.ts';
import { isFields, parseNumber } from '../../rows/fields.ts';
import { openRows } from '../../rows/rows.ts';
import type { GamedPair, LengthTable } from './length-control.ts';

/**
 * Columns: index (from 0, the place of the instruction among the references), instruction_difficulty, and perhaps
 * preference (in [0, 1]) and std_delta_len of a known model. Throws WhetstoneError as `openRows` does, and
 * `LENGTH_TABLE` with row and field, also where one of `count` instructions has no row.
 */
export async function readLengthTable(file: string, count: number): Promise<LengthTable> {
  const opened = await openRows(file);
  const difficulty = new Map<number, number>();
  const gamed: GamedPair[] = [];
  for await (const { value, source } of opened.rows) {
    const fields = isFields(value) ? value : {};
    const numberAt = (field: string): number => {
      const found = fields[field];
      const number = typeof found === 'string' ? parseNumber(found) : found;
      if (typeof number === 'number' && Number.isFinite(number)) return number;
      throw new WhetstoneError(
        'LENGTH_TABLE',
        `expected a number, found ${JSON.stringify(found) ?? 'no such column'}`,
        {
          ...source,
          field,
          hint: 'Expected are the columns index, instruction_difficulty, and perhaps preference and std_delta_len.',
        },
      );
    };
    // pandas writes the index of instruction_difficulty.csv without a name.
    const index = numberAt('index' in fields || !('' in fields) ? 'index' : '');
    if (!difficulty.has(index)) difficulty.set(index, numberAt('instruction_difficulty'));
    // Pairs that were not scored are left out, as AlpacaEval leaves them out.
    if (!isGiven(fields['preference'])) continue;
    gamed.push({
      index,
      preference: numberAt('preference'),
      standardisedLength: numberAt('std_delta_len'),
    });
  }
  const missing = Array.from({ length: count }, (_, i) => i).find((index) => !difficulty.has(index));
  if (missing !== undefined) {
    throw new WhetstoneError(
      'LENGTH_TABLE',
      `expected a difficulty of each of ${count} instructions, found none of ${missing}`,
      {
        file,
        field: 'index',
        hint: 'The table has to be of the instructions that are compared, in their order.',
      },
    );
  }
  return { difficulty, gamed };
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && value !== 'nan' && value !== 'NaN';
