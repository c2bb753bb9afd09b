// Whetstone's own rows: { instruction, input?, output, judgment, score?, revision?, id? }.
import { optionalId, optionalNumber, optionalText, text, textOrNull } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { refuseMisspelt } from '../../rows/columns.ts';
import { hasAll } from './layout.ts';
import type { Draft, Layout } from './layout.ts';

export const canonical: Layout = {
  name: 'canonical',
  columns: 'instruction, output, judgment, and optionally input, score, revision, id',
  matches: (columns) => hasAll(columns, 'instruction', 'output', 'judgment'),
  convert: (row, reader) => [convertRow(row, reader, 'revision')],
};

/**
 * The fields that the canonical and the Alpaca-style layout share. Columns it does not know are left alone, unless they
 * may have been meant to be one of those.
 */
export function convertRow(row: Fields, reader: RowReader, revisionField: string): Draft {
  const instruction = text(row, 'instruction', reader);
  const input = optionalText(row, 'input', reader);
  const output = text(row, 'output', reader);
  const judgment = textOrNull(row, 'judgment', reader);
  const score = optionalNumber(row, 'score', reader);
  const revision = optionalText(row, revisionField, reader);
  const id = optionalId(row, 'id', reader);
  refuseMisspelt(row, reader, {
    required: ['instruction', 'output', 'judgment'],
    optional: ['input', 'score', revisionField],
    known: ['reason', 'ref', 'errors'],
  });
  return {
    instruction: instruction ?? '',
    ...(input !== undefined && { input }),
    output: output ?? '',
    judgment,
    ...(score !== undefined && { score }),
    ...(revision !== undefined && !(reader.textOnly && revision === '') && { revision }),
    ...(id !== undefined && { id }),
  };
}
