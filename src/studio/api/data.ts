// What page and studio say to each other about the Data room. Types only: both sides have them.

export type DataAction = 'drop' | 'repair' | 'satisfactory';
export type Severity = 'error' | 'warning' | 'note';

/** GET /api/data/files */
export interface DataFiles {
  /** Files of judged rows that lie about, newest first. */
  readonly files: readonly { readonly file: string; readonly bytes: number; readonly modified: string }[];
  /** Whether any other file of this machine may be named. */
  readonly any: boolean;
  /** Where files are looked for. */
  readonly folders: readonly string[];
}

/** The topic "data:FILE". */
export interface DataState {
  readonly file: string;
  /** Changes whenever rows may look other than they did. */
  readonly revision: number;
  readonly progress: {
    readonly phase: 'reading' | 'checking' | 'measuring' | 'ready';
    readonly done: number;
    readonly total: number;
  };
  readonly problem: string | null;
  readonly format: string | null;
  readonly layout: string | null;
  readonly rows: number;
  readonly triplets: number;
  readonly satisfactory: number;
  readonly views: DataViews;
  readonly kinds: readonly DataKind[];
  readonly decided: Readonly<Record<DataAction, number>>;
  readonly kept: number;
  readonly lengths: DataLengths | null;
  /** A name for the new file that is free. */
  readonly out: string;
  readonly written: DataWritten | null;
}

/** How many rows each view has. */
export interface DataViews {
  readonly all: number;
  readonly found: number;
  /** Rows in which an error is left after what was decided. */
  readonly left: number;
  readonly decided: number;
}

/** A kind of finding, those that weigh most first. */
export interface DataKind {
  readonly code: string;
  readonly title: string;
  readonly severity: Severity;
  readonly rows: number;
}

export interface DataLengths {
  readonly unit: 'tokens' | 'characters';
  readonly step: number;
  readonly counts: readonly number[];
  readonly longest: number;
  readonly median: number;
  readonly gathersRest: boolean;
  /** Most tokens that the model takes; null where it is not known. */
  readonly context: number | null;
  /** Most tokens of a row in training, where nothing else is said; null where characters are counted. */
  readonly cutoff: number | null;
  /** Rows that are longer than the model takes. */
  readonly beyond: number;
}

export interface DataWritten {
  readonly file: string;
  readonly rows: number;
  readonly leftOut: number;
  readonly withErrors: number;
}

/** GET /api/data/rows?file=FILE&view=VIEW&from=N&count=N; a view is one of DataViews, or a kind's code. */
export interface DataRows {
  readonly revision: number;
  readonly total: number;
  readonly from: number;
  readonly rows: readonly DataRow[];
}

export interface DataRow {
  /** Its place among all rows, which stays. */
  readonly at: number;
  readonly row: number;
  readonly part: string | null;
  readonly instruction: string;
  readonly response: string;
  readonly findings: readonly DataFinding[];
  readonly decided: readonly DataAction[];
  readonly actions: readonly DataAction[];
}

export interface DataFinding {
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly field: string;
  readonly message: string;
  /** Whether it is gone after what was decided. */
  readonly settled: boolean;
}

/** GET /api/data/row?file=FILE&at=N */
export interface DataRowInFull extends DataRow {
  readonly line: number | null;
  readonly texts: readonly DataText[];
  /** What would be written; null where nothing is. */
  readonly outcome: readonly DataText[] | null;
}

export interface DataText {
  readonly name: string;
  /** Null: there is none, as of a judgment of a satisfactory response. */
  readonly text: string | null;
  /** Code points that are left out at the end, of a text too long to be shown. */
  readonly cut: number;
  /** Marked errors, in code points. */
  readonly marks: readonly (readonly [number, number])[];
}

/** POST /api/data/decisions: about some rows, or all of a view that the action means something for. */
export interface DecideRows {
  readonly file: string;
  readonly action: DataAction;
  readonly on: boolean;
  readonly rows: readonly number[] | null;
  readonly view: string | null;
}

/** POST /api/data/undo: { file } gives { rows }, the places that it was about; null: nothing to take back. */
export interface UndoneRows {
  readonly rows: readonly number[] | null;
}

/** POST /api/data/files: { file, out } gives a DataWritten. */
export interface WriteFile {
  readonly file: string;
  readonly out: string;
}
