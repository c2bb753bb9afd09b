// What can be put right in a row without guessing what somebody meant: text that was decoded wrongly, tokens of a template
// at the end of a text, white space for a judgment, marks that overlap, fields under a misspelt name or of another type.
// Knows one row at a time.
import { maybeMeant } from '../rows/names.ts';
import { parseNumber } from '../rows/fields.ts';
import { codePointLength } from '../rows/unicode.ts';
import type { Span } from '../rows/unicode.ts';
import { suspicionsOf } from './findings.ts';
import type { Finding, FindingCode } from './findings.ts';
import { misreadText } from './misread.ts';
import type { ReadRow } from './read.ts';
import type { Triplet } from './triplet.ts';
import { withoutEndTokens } from './wording.ts';

/** Findings that a repair may take away. */
const repairable: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'half-character',
  'misread-text',
  'template-leftover',
  'blank-judgment',
  'overlapping-marks',
]);

export interface Repaired {
  readonly triplet: Triplet;
  /** Which of the findings are gone. */
  readonly mended: readonly Finding[];
}

/** The triplet with all that can be repaired; null where nothing can. `findings` are those of the triplet. */
export function repairTriplet(triplet: Triplet, findings: readonly Finding[]): Repaired | null {
  if (!findings.some(({ code }) => repairable.has(code))) return null;
  const repaired = mend(triplet);
  const left = new Set(suspicionsOf(repaired).map(placed));
  const mended = findings.filter((each) => repairable.has(each.code) && !left.has(placed(each)));
  return mended.length === 0 ? null : { triplet: repaired, mended };
}

const placed = ({ code, field }: Finding): string => `${code} ${field.replace(/\[\d+\]$/, '')}`;

function mend(triplet: Triplet): Triplet {
  const { instruction, input, before, output, judgment, errors } = triplet;
  const response = mendText(output);
  // Marks are places in the response: where it changes before its end, they would point elsewhere.
  const isMarked = errors !== undefined && errors.length > 0;
  const keepsPlaces = !isMarked || output.startsWith(response);
  const words = judgment === null ? null : mendText(judgment);
  return {
    ...triplet,
    instruction: mendText(instruction),
    ...(input !== undefined && { input: mendText(input) }),
    ...(before && { before: before.map(({ role, content }) => ({ role, content: mendText(content) })) }),
    output: keepsPlaces ? response : output,
    judgment: words !== null && words.trim() === '' && words !== '' ? null : words,
    ...(isMarked && { errors: mendMarks(errors, codePointLength(keepsPlaces ? response : output)) }),
  };
}

const LONE_HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function mendText(text: string): string {
  const whole = text.replace(LONE_HALF, '');
  return withoutEndTokens(misreadText(whole)?.text ?? whole);
}

/** In order, within the text; those that overlap are one. */
function mendMarks(marks: readonly Span[], length: number): Span[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...marks].sort(([a], [b]) => a - b)) {
    const [start, end] = [Math.min(from, length), Math.min(to, length)];
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** Columns whose text a program may have written as a number. A judgment that is a number is rather a score. */
const texts: readonly string[] = ['instruction', 'input', 'output'];

/** The row as it reads once its fields are put right; null where that is not enough, or is not certain. */
export function repairRow(row: ReadRow): ReadRow | null {
  const { fields, problems } = row;
  if (fields === null || problems.length === 0) return null;
  const repaired: Record<string, unknown> = { ...fields };
  for (const { field } of problems) {
    const value = fields[field];
    if (field in fields) {
      if (texts.includes(field) && (typeof value === 'number' || typeof value === 'bigint'))
        repaired[field] = String(value);
      else if (field === 'score' && typeof value === 'string' && !Number.isNaN(parseNumber(value)))
        repaired[field] = parseNumber(value);
      continue;
    }
    const meant = Object.keys(fields).filter((column) => maybeMeant(column, field));
    if (meant.length !== 1) return null;
    repaired[field] = fields[meant[0]!];
    delete repaired[meant[0]!];
  }
  const again = row.reread(repaired);
  return again.problems.length === 0 && again.triplets.length > 0 ? again : null;
}
