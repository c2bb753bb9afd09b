// What the Data room knows of the file that it shows: the studio's state, the rows that are in sight, which row is chosen.
// Asks the studio; draws nothing.
import { computed, signal } from '@preact/signals';
import type {
  DataAction,
  DataRow,
  DataRowInFull,
  DataRows,
  DataState,
  DataWritten,
  DecideRows,
  UndoneRows,
  WriteFile,
} from '../../../src/studio/api/data.ts';
import { getJson, listen, postJson } from '../../shell/api.ts';
import { asking } from '../../shell/asking.ts';

export const sheet = signal<DataState | null>(null);
export const problem = signal<unknown>(null);
/** Said to those who hear the page and do not see it. */
export const announcement = signal('');

/** Chosen by hand; null: rows with findings where there are any, else all. */
const chosenView = signal<string | null>(null);
export const view = computed(
  () => chosenView.value ?? ((sheet.value?.views.found ?? 0) > 0 ? 'found' : 'all'),
);

/** The chosen row, by its place among the rows of the view. */
export const chosen = signal<number | null>(null);
export const inFull = signal<DataRowInFull | null>(null);

const pageSize = 100;
interface Page {
  readonly revision: number;
  readonly rows: readonly DataRow[];
}
let pages = new Map<number, Page>();
/** How many rows the view has, as the studio last said. */
export const total = signal(0);
/** Changes with the pages. */
const loads = signal(0);
let sight: readonly [from: number, to: number] = [0, 0];
let loading = false;

export function rowAt(i: number): DataRow | null {
  void loads.value;
  return pages.get(Math.floor(i / pageSize))?.rows[i % pageSize] ?? null;
}

const query = (path: string, values: Readonly<Record<string, string | number>>): string =>
  `/api/data/${path}?${new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)]))}`;

/** The rows that are in sight have to be there, and as they are now. */
export function look(from: number, to: number): void {
  sight = [from, to];
  if (!loading) void load();
}

async function load(): Promise<void> {
  loading = true;
  try {
    for (let page = missing(); page !== null; page = missing()) {
      const [file, shown] = [sheet.value!.file, view.value];
      const asked = { file, view: shown, from: page * pageSize, count: pageSize };
      const found = await getJson<DataRows>(query('rows', asked));
      if (sheet.value?.file !== file || view.value !== shown) continue;
      pages.set(page, { revision: found.revision, rows: found.rows });
      total.value = found.total;
      loads.value++;
      // A row may be chosen before it is there.
      if (chosen.value !== null && inFull.value?.at !== rowAt(chosen.value)?.at) void readInFull();
    }
  } catch (error) {
    problem.value = error;
  } finally {
    loading = false;
  }
}

/** A page in sight that is not there, or not as it is now. */
function missing(): number | null {
  if (sheet.value === null || sheet.value.file === '') return null;
  const { revision } = sheet.value;
  const last = Math.floor(Math.max(sight[0], sight[1] - 1) / pageSize);
  for (let page = Math.floor(sight[0] / pageSize); page <= last; page++)
    if ((pages.get(page)?.revision ?? -1) < revision) return page;
  return null;
}

/** Hears of a file until the returned function is called. */
export function openSheet(file: string): () => void {
  sheet.value = null;
  problem.value = null;
  chosenView.value = null;
  forget();
  return listen<DataState>(`data:${file}`, (state) => {
    const isOther = sheet.value === null || state.revision < sheet.value.revision;
    sheet.value = state;
    // A studio that was started again counts anew.
    if (isOther) pages = new Map();
    look(...sight);
    if (chosen.value !== null) void readInFull();
  });
}

function forget(): void {
  pages = new Map();
  total.value = 0;
  chosen.value = null;
  inFull.value = null;
  loads.value++;
}

export function show(name: string): void {
  if (name === view.value) return;
  chosenView.value = name;
  forget();
  look(0, 1);
}

export function choose(i: number | null): void {
  chosen.value = i;
  if (i === null) inFull.value = null;
  else void readInFull();
}

/** The chosen row, or another so many further on. */
export function go(by: number): void {
  if (total.value === 0) return;
  choose(Math.max(0, Math.min(total.value - 1, (chosen.value ?? (by > 0 ? -1 : 0)) + by)));
}

async function readInFull(): Promise<void> {
  const i = chosen.value;
  const row = i === null ? null : rowAt(i);
  if (row === null) return;
  try {
    const found = await getJson<DataRowInFull>(query('row', { file: sheet.value!.file, at: row.at }));
    if (chosen.value === i) inFull.value = found;
  } catch (error) {
    problem.value = error;
  }
}

const askingHere = (work: () => Promise<unknown>): Promise<boolean> =>
  asking((error) => (problem.value = error), work);

const said: Readonly<Record<DataAction, readonly [on: string, off: string]>> = {
  drop: ['Dropped', 'No longer dropped'],
  repair: ['Repaired', 'No longer repaired'],
  satisfactory: ['Marked as satisfactory', 'No longer marked as satisfactory'],
};

const decide = (what: Omit<DecideRows, 'file'>): Promise<void> => {
  const body: DecideRows = { file: sheet.value!.file, ...what };
  return postJson<void>('/api/data/decisions', body);
};

/** Does it to the row, or takes it back. */
export const toggle = (row: DataRow, action: DataAction): Promise<boolean> =>
  askingHere(async () => {
    if (!row.actions.includes(action)) {
      announcement.value =
        action === 'repair' ? 'Nothing here can be repaired without guessing.' : 'Nothing to do.';
      return;
    }
    const on = !row.decided.includes(action);
    await decide({ action, on, rows: [row.at], view: null });
    announcement.value = `Row ${row.row}: ${said[action][on ? 0 : 1]}.`;
  });

export const decideAll = (action: DataAction): Promise<boolean> =>
  askingHere(async () => {
    await decide({ action, on: true, rows: null, view: view.value });
    announcement.value = `${said[action][0]}: all rows of this list to which that applies.`;
  });

export const undo = (): Promise<boolean> =>
  askingHere(async () => {
    const { rows } = await postJson<UndoneRows>('/api/data/undo', { file: sheet.value!.file });
    announcement.value =
      rows === null
        ? 'There is nothing to take back.'
        : `Taken back, for ${rows.length === 1 ? '1 row' : `${rows.length} rows`}.`;
  });

export const write = (out: string): Promise<boolean> =>
  askingHere(async () => {
    const body: WriteFile = { file: sheet.value!.file, out };
    const { rows } = await postJson<DataWritten>('/api/data/files', body);
    announcement.value = `Written: ${rows} rows.`;
  });
