// What reading and checking a file of triplets is told, checked before the file is opened. Knows no rows.
import type { Entry } from '../options/check.ts';
import { pick } from '../options/table.ts';
import { dataCheckTable } from '../options/verbs/data.ts';
import type { CheckOptions } from './check.ts';

type FileTable = Pick<typeof dataCheckTable, 'format' | 'layout'>;

const file: FileTable = pick(dataCheckTable, ['format', 'layout']);

const problems = {
  on_problem: {
    kind: 'choice',
    choices: ['throw', 'collect'],
    default: 'throw',
    help: 'refuse a file with problems, or leave the rows that have some out',
  },
} as const;

/** What `readTriplets` takes. */
export const readEntry: Entry<FileTable & typeof problems> = {
  table: { ...file, ...problems },
  others: { onRead: 'function' },
  required: () => [],
  together: () => [],
};

const vocabulary = {
  vocab_size: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'how many tokens the model has embeddings for',
  },
  max_positions: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'most tokens that the model has positions for',
  },
} as const;

type CheckTable = FileTable &
  typeof vocabulary & { readonly cutoff_length: (typeof dataCheckTable)['cutoff_len'] };

/** What `checkFile` takes. */
export const checkEntry: Entry<CheckTable> = {
  table: { ...file, ...vocabulary, cutoff_length: dataCheckTable.cutoff_len },
  others: { tokenLengths: 'function', end: 'object', onRead: 'function', onProgress: 'function' },
  required: () => [],
  together: (given) => {
    const { tokenLengths, ...others } = given as CheckOptions;
    if (tokenLengths !== undefined) return [];
    return (['cutoffLength', 'vocabSize', 'maxPositions', 'end'] as const)
      .filter((key) => others[key] !== undefined)
      .map((key) => ({
        keys: [key, 'tokenLengths'],
        message: 'nothing can be said of tokens without their lengths',
      }));
  },
};
