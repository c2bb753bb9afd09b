// All layouts, and which one a file has. The order matters: the more particular come first.
import { WhetstoneError } from '../../errors.ts';
import { maybeMeant } from '../../rows/names.ts';
import { option } from '../../words/option.ts';
import type { Fields } from '../../rows/fields.ts';
import { alpaca } from './alpaca.ts';
import { canonical } from './canonical.ts';
import type { Layout } from './layout.ts';
import { saunders, saundersTop } from './saunders.ts';
import { shepherd, shepherdRaw } from './shepherd.ts';
import { ultrafeedback, ultrafeedbackFlat } from './ultrafeedback.ts';

export type { Draft, Layout } from './layout.ts';

export const LAYOUTS: readonly Layout[] = [
  saunders,
  saundersTop,
  ultrafeedback,
  ultrafeedbackFlat,
  shepherdRaw,
  shepherd,
  alpaca,
  canonical,
];

/** Throws WhetstoneError `UNKNOWN_LAYOUT` that lists the names. */
export function layoutByName(name: string, file: string): Layout {
  const layout = LAYOUTS.find((candidate) => candidate.name === name);
  if (layout) return layout;
  throw new WhetstoneError('UNKNOWN_LAYOUT', `there is no layout "${name}"`, { file, hint: knownLayouts() });
}

/**
 * The layout of a file by the columns of its first rows.
 *
 * Throws WhetstoneError `UNKNOWN_LAYOUT` that says what the columns are, which are near misses, and lists the
 * layouts.
 */
export function detectLayout(rows: readonly Fields[], file: string): Layout {
  const columns = new Set(rows.flatMap((row) => Object.keys(row)));
  const layout = LAYOUTS.find((candidate) => candidate.matches(columns, rows[0] ?? {}));
  if (layout) return layout;
  const names = Array.from(columns, (name) => JSON.stringify(name));
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '');
  throw new WhetstoneError('UNKNOWN_LAYOUT', `the columns fit no known layout: ${shown || 'none'}`, {
    file,
    hint: [...chatsHint(columns), ...missingCanonical(columns), knownLayouts()].join('\n  '),
  });
}

/** For chats that nobody has judged yet. */
const chatsHint = (columns: ReadonlySet<string>): string[] =>
  !['messages', 'conversations', 'conversation'].some((name) => columns.has(name))
    ? []
    : [
        'Chats without judgments: "whetstone data convert FILE --out chats.jsonl" makes rows of them that "whetstone judge" judges, ' +
          `or with ${option('judge')} next-message takes what the user said next as the judgment.`,
      ];

/** For a file that is nearly canonical: what is missing. */
function missingCanonical(columns: ReadonlySet<string>): string[] {
  const wanted = ['instruction', 'output', 'judgment'];
  const missing = wanted.filter((name) => !columns.has(name));
  const similar = missing.map((name) => Array.from(columns).find((column) => maybeMeant(column, name)));
  if (missing.length === wanted.length && similar.every((column) => column === undefined)) return [];
  return missing.map((name, i) =>
    similar[i] === undefined
      ? `The column "${name}" is missing.`
      : `The column "${name}" is missing; rename ${JSON.stringify(similar[i])}?`,
  );
}

function knownLayouts(): string {
  return `Known layouts:\n${LAYOUTS.map(({ name, columns }) => `    ${name}: ${columns}`).join('\n')}`;
}
