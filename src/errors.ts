// The one error that Whetstone raises on purpose. It knows nothing of any layer.

/** Where in a user's input an error lies; every part is optional. Lines, columns and rows count from 1. */
export interface ErrorLocation {
  readonly file?: string;
  readonly row?: number;
  readonly field?: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorDetails extends ErrorLocation {
  /** What the reader can do about it: a full sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * An error with a stable code, a location and a remedy.
 *
 * `message` reads "where: what happened, expected and found" and ends with the hint, so that printing the
 * message alone tells a person everything. Unexpected failures are never wrapped in it.
 */
export class WhetstoneError extends Error {
  readonly code: string;
  readonly location: ErrorLocation;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    const { hint, cause, ...location } = details;
    const where = describeLocation(location);
    super([where ? `${where}: ${message}` : message, hint].filter(Boolean).join('\n  '), { cause });
    this.name = 'WhetstoneError';
    this.code = code;
    this.location = location;
    this.hint = hint;
  }
}

/** "data.json:12:5, row 3, field "judgment"", or the empty string where nothing is known. */
export function describeLocation({ file, row, field, line, column }: ErrorLocation): string {
  const position = line === undefined ? '' : column === undefined ? `:${line}` : `:${line}:${column}`;
  const parts = [
    file === undefined ? (position ? `line ${position.slice(1)}` : '') : `${file}${position}`,
    row === undefined ? '' : `row ${row}`,
    field === undefined ? '' : `field "${field}"`,
  ];
  return parts.filter(Boolean).join(', ');
}
