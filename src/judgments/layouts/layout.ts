// What a layout is: how one published data set writes its judged responses, row by row.
import type { Fields, RowReader } from '../../rows/fields.ts';
import type { Triplet } from '../triplet.ts';

/** A triplet without its place in a file, which the reader adds; `part` says which triplet of the row it is. */
export interface Draft extends Omit<Triplet, 'source'> {
  readonly part?: string;
}

export interface Layout {
  readonly name: string;
  /** The columns it is known by, for people. */
  readonly columns: string;
  /** Whether what was said before the instruction is read; columns that say such things are refused otherwise. */
  readonly conversations?: boolean;
  /** True if rows with these columns are of this layout. */
  matches(columns: ReadonlySet<string>, sample: Fields): boolean;
  /** The triplets of one row. Fields that do not fit go to `reader.problem`. */
  convert(row: Fields, reader: RowReader): readonly Draft[];
}

export function hasAll(columns: ReadonlySet<string>, ...names: readonly string[]): boolean {
  return names.every((name) => columns.has(name));
}
