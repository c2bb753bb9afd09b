// The one error that Whetstone raises on purpose: facts in fields, and a message composed of them. It knows nothing of
// any layer.
import { option } from './words/option.ts';
import { printable } from './words/printable.ts';

/** Where in a user's input an error lies; every part is optional. Lines, columns and rows count from 1. */
export interface Place {
  readonly file?: string;
  readonly row?: number;
  /** Which part of the row, where it holds several things: "completions[2]". */
  readonly part?: string;
  readonly field?: string;
  readonly line?: number;
  readonly column?: number;
  /** Options of the call, by their TypeScript names, the one to blame foremost. */
  readonly options?: readonly string[];
}

/** One of several things that are wrong: what was expected and found, and where. */
export interface Problem extends Place {
  readonly problem: string;
}

export interface ErrorDetails extends Place {
  /** What the reader can do about it: a full sentence. */
  readonly hint?: string;
  /** Everything that is wrong, where that is several things; `problem` then says what they are together. */
  readonly problems?: readonly Problem[];
  /** How many of them the message lists; all, where nothing is said. */
  readonly shown?: number;
  readonly cause?: unknown;
}

type ErrorFacts = Pick<WhetstoneError, 'problem' | 'place' | 'problems' | 'shown' | 'hint'>;

/**
 * An error with a stable code, what is wrong, where, and a remedy.
 *
 * `message` reads "place: what happened, expected and found", then a line for each of several problems, and ends with
 * the hint, so that printing the message alone tells a person everything. Options are mentioned as in `words/option.ts`,
 * control characters of names and files are made visible. Programs look at the fields, which have everything as it is;
 * nothing reads the message. Unexpected failures are never wrapped in it.
 */
export class WhetstoneError extends Error {
  readonly code: string;
  /** What happened, without place and remedy. */
  readonly problem: string;
  readonly place: Place;
  readonly problems: readonly Problem[];
  readonly shown: number;
  readonly hint: string | undefined;

  constructor(code: string, problem: string, details: ErrorDetails = {}) {
    const { hint, problems = [], shown = problems.length, cause, ...place } = details;
    super(printable(composeMessage({ problem, place, problems, shown, hint })), { cause });
    this.name = 'WhetstoneError';
    this.code = code;
    this.problem = problem;
    this.place = place;
    this.problems = problems;
    this.shown = shown;
    this.hint = hint;
  }
}

/** One error for all that is wrong: a single problem is told as it is, several under what they are together. */
export function problemsError(
  code: string,
  together: string,
  problems: readonly Problem[],
  details: Pick<ErrorDetails, 'hint' | 'file' | 'shown'> = {},
): WhetstoneError {
  const [only] = problems.length === 1 ? problems : [];
  if (only === undefined) return new WhetstoneError(code, together, { ...details, problems });
  const { problem, ...place } = only;
  return new WhetstoneError(code, problem, { ...details, ...place });
}

function composeMessage({ problem, place, problems, shown, hint }: ErrorFacts): string {
  const lines = problems.slice(0, shown).map((each) => `\n    ${located(each, each.problem)}`);
  const rest = problems.length > shown ? `\n    and ${problems.length - shown} more` : '';
  const head = located(place, problem) + (problems.length > 0 ? ':' : '');
  return [head + lines.join('') + rest, hint].filter(Boolean).join('\n  ');
}

/** "place: what happened": one line for notes and other errors, without the remedy. */
export const briefly = ({ problem, place }: WhetstoneError): string => located(place, problem);

/** What happened and what helps, in one line for notes. */
export const withRemedy = (error: WhetstoneError): string =>
  error.hint === undefined ? briefly(error) : `${briefly(error)}. ${error.hint}`;

function located(place: Place, said: string): string {
  const where = describePlace(place);
  return where ? `${where}: ${said}` : said;
}

/** "data.json:12:5, row 3, field "judgment"", or the empty string where nothing is known. */
export function describePlace({ file, row, part, field, line, column, options = [] }: Place): string {
  const position = line === undefined ? '' : column === undefined ? `:${line}` : `:${line}:${column}`;
  const parts = [
    file === undefined ? (position ? `line ${position.slice(1)}` : '') : `${file}${position}`,
    row === undefined ? '' : `row ${row}${part === undefined ? '' : ` (${part})`}`,
    field === undefined ? '' : `field "${field}"`,
    options.map(option).join(', '),
  ];
  return parts.filter(Boolean).join(', ');
}
