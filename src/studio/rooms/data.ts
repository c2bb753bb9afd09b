// The Data room: what is found in a file of judged rows, what is decided about it, the new file. Knows what the page may
// ask; the work is the library's.
import { badRequest } from '../../serving/api-error.ts';
import { booleanField, textField } from '../../serving/fields.ts';
import { FINDING_TITLES, SEVERITIES } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { ACTIONS, actionsOf, findingsLeft, outcomeOf } from '../../judgments/review/index.ts';
import type { Action, Entry, Review } from '../../judgments/review/index.ts';
import { conversationText } from '../../rows/conversation.ts';
import { jsonText } from '../../rows/json.ts';
import { beginning, excerpt } from '../../rows/text.ts';
import { codePointLength } from '../../rows/unicode.ts';
import type { DataRow, DataRowInFull, DataRows, DataText, UndoneRows } from '../api/data.ts';
import { listFiles, reachable } from '../data/files.ts';
import type { Place } from '../data/files.ts';
import { openedFiles } from '../data/opened.ts';
import type { OpenedFiles } from '../data/opened.ts';
import { json } from '../route.ts';
import type { Room, Route } from '../route.ts';
import type { Studio } from '../studio.ts';

export function openData(studio: Studio): Room {
  const files = openedFiles(studio, (file) => reachable(studio, file));
  return {
    routes: routesOf(studio, files),
    topics: { data: files.listen },
    close: () => files.close(),
  };
}

/** Rows that are asked for at once. */
const mostRows = 500;

const routesOf = (studio: Place, files: OpenedFiles): readonly Route[] => [
  { method: 'GET', path: '/api/data/files', answer: async () => json(await listFiles(studio)) },
  {
    method: 'GET',
    path: '/api/data/rows',
    answer: async ({ query }) => {
      const review = await files.review(asked(query, 'file'));
      const places = files.view(review, query.get('view') ?? 'all');
      const from = wholeNumber(query, 'from');
      const count = Math.min(mostRows, wholeNumber(query, 'count'));
      const rows = places.slice(from, from + count).map((at) => rowOf(review, at, review.entry(at)!));
      const answer: DataRows = { revision: files.revision(review), total: places.length, from, rows };
      return json(answer);
    },
  },
  {
    method: 'GET',
    path: '/api/data/row',
    answer: async ({ query }) => {
      const review = await files.review(asked(query, 'file'));
      const at = wholeNumber(query, 'at');
      const entry = review.entry(at);
      if (entry === null) throw badRequest(`There is no row at ${at}.`, 'at');
      return json(inFull(review, at, entry));
    },
  },
  {
    method: 'POST',
    path: '/api/data/decisions',
    answer: async ({ fields }) => {
      const review = await files.review(required(textField(fields, 'file'), 'file'));
      const action = required(textField(fields, 'action'), 'action') as Action;
      if (!ACTIONS.includes(action)) throw badRequest(`There is no action '${action}'.`, 'action');
      const on = booleanField(fields, 'on');
      const { rows, view } = fields;
      if (typeof view === 'string') await review.decide(action, on, files.view(review, view));
      else if (Array.isArray(rows) && rows.every((at) => Number.isSafeInteger(at)))
        await review.decide(action, on, rows as number[]);
      else throw badRequest("Expected 'rows' (places), or a 'view'.", 'rows');
      return json({});
    },
  },
  {
    method: 'POST',
    path: '/api/data/undo',
    answer: async ({ fields }) => {
      const review = await files.review(required(textField(fields, 'file'), 'file'));
      const answer: UndoneRows = { rows: await review.undo() };
      return json(answer);
    },
  },
  {
    method: 'POST',
    path: '/api/data/files',
    answer: async ({ fields }) => {
      const review = await files.review(required(textField(fields, 'file'), 'file'));
      return json(await files.write(review, required(textField(fields, 'out'), 'out').trim()));
    },
  },
];

function rowOf(review: Review, at: number, entry: Entry): DataRow {
  const { triplet, source, fields } = entry;
  const actions = review.actions(entry);
  const left = new Set(findingsLeft(entry, actions));
  return {
    ...{ at, row: source.row, part: source.part ?? null },
    instruction: excerpt(
      triplet === null ? jsonText(fields ?? {}) : triplet.instruction || (triplet.input ?? ''),
      160,
    ),
    response: triplet === null ? '' : excerpt(triplet.output, 160),
    findings: entry.findings.map((each) => ({
      ...{ code: each.code, severity: SEVERITIES[each.code], title: FINDING_TITLES[each.code] },
      ...{ field: each.field, message: each.message, settled: !left.has(each) },
    })),
    decided: [...actions],
    actions: actionsOf(entry),
  };
}

function inFull(review: Review, at: number, entry: Entry): DataRowInFull {
  const outcome = outcomeOf(entry, review.actions(entry));
  const { triplet, fields } = entry;
  return {
    ...rowOf(review, at, entry),
    line: entry.source.line ?? null,
    texts: triplet === null ? [textOf('row', jsonText(fields ?? {}))] : textsOf(triplet),
    outcome: outcome.length === 0 ? null : outcome.flatMap(textsOf),
  };
}

function textsOf(triplet: Triplet): DataText[] {
  const { output, judgment, score, errors = [] } = triplet;
  return [
    textOf('instruction', conversationText(triplet)),
    textOf('response', output, errors),
    textOf('judgment', judgment),
    ...(score === undefined ? [] : [textOf('score', String(score))]),
  ];
}

/** UTF-16 units of a text that are shown. */
const mostShown = 20_000;

function textOf(name: string, text: string | null, marks: DataText['marks'] = []): DataText {
  if (text === null) return { name, text, cut: 0, marks: [] };
  const shown = beginning(text, mostShown);
  const length = codePointLength(shown);
  return {
    ...{ name, text: shown, cut: codePointLength(text) - length },
    marks: marks.filter(([start]) => start <= length),
  };
}

function asked(query: URLSearchParams, name: string): string {
  return required(query.get(name), name);
}

function required(text: string | null, name: string): string {
  if (text === null || text.trim() === '') throw badRequest(`'${name}' must not be empty.`, name);
  return text;
}

function wholeNumber(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? NaN);
  if (!Number.isSafeInteger(value) || value < 0) throw badRequest(`Expected a whole number.`, name);
  return value;
}
