// Whetstone's own rows: { instruction, input?, output, judgment, score?, revision?, id? }.
import { optionalId, optionalNumber, optionalText, textOrNull } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { refuseMisspelt } from '../../rows/columns.ts';
import { readExchange } from '../../rows/read-prompt.ts';
import { hasAll } from './layout.ts';
import type { Draft, Layout } from './layout.ts';

export const canonical: Layout = {
  name: 'canonical',
  columns:
    'instruction, output (or messages), judgment, and optionally input, system, history, score, revision, id',
  conversations: true,
  matches: (columns) =>
    columns.has('judgment') && (hasAll(columns, 'instruction', 'output') || columns.has('messages')),
  convert: (row, reader) => [convertRow(row, reader, 'revision')],
};

/**
 * The fields that the canonical and the Alpaca-style layout share. Columns it does not know are left alone, unless they
 * may have been meant to be one of those.
 */
export function convertRow(row: Fields, reader: RowReader, revisionField: string): Draft {
  const exchange = readExchange(row, reader);
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
    ...exchange,
    judgment,
    ...(score !== undefined && { score }),
    ...(revision !== undefined && !(reader.textOnly && revision === '') && { revision }),
    ...(id !== undefined && { id }),
  };
}
