// What a program reads of a verb: one JSON object a line, which says in `type` what it is. Knows JSON and no verb.
import { WhetstoneError } from '../errors.ts';
import type { Place, Problem } from '../errors.ts';
import { snakeCase } from '../options/names.ts';
import { jsonText } from '../rows/json.ts';
import { describeSystemError, isSystemError } from '../words/system-errors.ts';
import { withFlags } from './terminal.ts';

/** The object with its line end. Control characters are escaped, those that JSON allows as they stand among them. */
export const jsonLine = (value: object): string =>
  `${jsonText(value).replace(/[\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;

export const eventLine = (type: string, fields: object): string => jsonLine({ type, ...fields });

/** A record of TypeScript as its fields in an event: snake case, as in every file. */
export const snakeFields = (record: object): object =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [snakeCase(name), inside(value)]));

const inside = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(inside)
    : typeof value === 'object' && value !== null
      ? snakeFields(value)
      : value;

/** Codes of what is no WhetstoneError: of the operating system by its own name, and of a fault in this program. */
export const faultCode = 'FAULT';

/** An error as an event: code, problem, place and remedy as fields, options by their flags. */
export function errorEvent(error: unknown): string {
  if (error instanceof WhetstoneError) {
    const { code, problem, place, problems, hint } = error;
    return eventLine('error', {
      code,
      problem: withFlags(problem),
      place: placeFields(place),
      ...(problems.length > 0 && { problems: problems.map(problemFields) }),
      ...(hint !== undefined && { hint: withFlags(hint) }),
      message: withFlags(error.message),
    });
  }
  const system = isSystemError(error);
  const problem = system
    ? describeSystemError(error)
    : error instanceof Error
      ? error.message
      : String(error);
  const code = system && error.code !== undefined ? error.code : faultCode;
  const place = system && error.path !== undefined ? { file: error.path } : {};
  return eventLine('error', { code, problem, place, message: problem });
}

const placeFields = ({ options, ...place }: Place): object => ({
  ...place,
  ...(options && { options: options.map((name) => `--${snakeCase(name)}`) }),
});

const problemFields = ({ problem, ...place }: Problem): object => ({
  problem: withFlags(problem),
  place: placeFields(place),
});
