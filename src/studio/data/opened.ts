// Files under review that pages look at: opened by the first who asks, let go of when others are asked for. Knows the
// library's reviews, no HTTP.
import { basename, dirname, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { WhetstoneError, briefly } from '../../errors.ts';
import { contextOf, loadVoice } from '../../generation/index.ts';
import { FINDING_TITLES, SEVERITIES, tokenLengths } from '../../judgments/index.ts';
import type { FindingCode } from '../../judgments/index.ts';
import { histogramOf, openReview } from '../../judgments/review/index.ts';
import type {
  Histogram,
  Measure,
  Review,
  ReviewSummary,
  View,
  Written,
} from '../../judgments/review/index.ts';
import { dataCheckTable } from '../../options/verbs/data.ts';
import { ownTemplate } from '../chat/home.ts';
import type { DataKind, DataLengths, DataState } from '../api/data.ts';
import type { Topic } from '../route.ts';
import type { Studio } from '../studio.ts';

export interface OpenedFiles {
  /** Throws what opening throws. */
  review(file: string): Promise<Review>;
  /** Places of the rows of a view. */
  view(review: Review, view: string): readonly number[];
  revision(review: Review): number;
  write(review: Review, out: string): Promise<Written>;
  /** Hears of a file's state from now on. */
  readonly listen: Topic;
  close(): Promise<void>;
}

interface Held {
  readonly file: string;
  readonly review: Promise<Review>;
  opened: Review | null;
  problem: string | null;
  revision: number;
  written: Written | null;
  readonly listeners: Set<() => void>;
  readonly views: Map<string, readonly number[]>;
  used: number;
}

/** Files that are kept open; each has all of its rows in memory. */
const mostHeld = 2;

export function openedFiles(studio: Studio, reach: (file: string) => Promise<string>): OpenedFiles {
  const held = new Map<string, Held>();
  let uses = 0;

  const letGo = async (each: Held): Promise<void> => {
    held.delete(each.file);
    await each.review.then(
      (review) => review.close(),
      () => undefined,
    );
  };
  const makeRoom = async (): Promise<void> => {
    const idle = [...held.values()]
      .filter(({ listeners }) => listeners.size === 0)
      .sort((a, b) => a.used - b.used);
    while (held.size >= mostHeld && idle.length > 0) await letGo(idle.shift()!);
  };
  const hold = async (file: string): Promise<Held> => {
    const path = await reach(file);
    const known = held.get(path);
    if (known !== undefined) {
      known.used = ++uses;
      return known;
    }
    await makeRoom();
    const again = held.get(path);
    if (again !== undefined) return again;
    const each: Held = {
      ...{ file: path, opened: null, problem: null, revision: 0, written: null, used: ++uses },
      review: openReview(path, {
        journal: (digest) =>
          join(
            resolve(studio.runs),
            'studio',
            'data',
            `${safeName(path)}-${digest.slice(0, 16)}`,
            'decisions.jsonl',
          ),
        measure: studio.model === null ? null : () => measureWith(studio, studio.model!),
        onChange: () => changed(each),
      }),
      listeners: new Set(),
      views: new Map(),
    };
    held.set(path, each);
    each.review.then(
      (review) => {
        each.opened = review;
        changed(each);
      },
      (error: unknown) => {
        // Whoever asks again has it opened anew.
        if (held.get(path) === each) held.delete(path);
        each.problem =
          error instanceof WhetstoneError
            ? [briefly(error), error.hint].filter(Boolean).join(' ')
            : String(error);
        changed(each);
      },
    );
    return each;
  };
  const changed = (each: Held): void => {
    each.revision++;
    each.views.clear();
    for (const tell of each.listeners) tell();
  };
  const heldOf = (review: Review): Held => [...held.values()].find(({ opened }) => opened === review)!;

  return {
    review: async (file) => (await hold(file)).review,
    view: (review, view) => {
      const { views } = heldOf(review);
      const known = views.get(view) ?? review.view(view as View);
      views.set(view, known);
      return known;
    },
    revision: (review) => heldOf(review).revision,
    write: async (review, out) => {
      const each = heldOf(review);
      each.written = await review.write(await reach(out));
      changed(each);
      return each.written;
    },
    listen: (file, send, signal) => {
      const begin = async (): Promise<void> => {
        const each = await hold(file);
        if (signal.aborted) return;
        const tell = (): void => send(stateOf(each));
        each.listeners.add(tell);
        signal.addEventListener('abort', () => each.listeners.delete(tell), { once: true });
        tell();
      };
      begin().catch((error: unknown) =>
        send(
          unopened(
            file,
            error instanceof WhetstoneError
              ? [briefly(error), error.hint].filter(Boolean).join(' ')
              : String(error),
          ),
        ),
      );
    },
    close: async () => {
      for (const each of [...held.values()]) await letGo(each);
    },
  };
}

async function measureWith({ adapter, template }: Studio, model: string): Promise<Measure> {
  const layout = template ?? (adapter === null ? ownTemplate(model) : null);
  const voice = await loadVoice({ model, adapter, template: layout, args: {} });
  return {
    tokenLengths: tokenLengths(voice.tokenizer, voice.template),
    cutoffLength: dataCheckTable.cutoff_len.default,
    ...(await contextOf(model)),
  };
}

/** A file's name as part of a folder's: what every file system takes. */
const safeName = (file: string): string =>
  basename(file)
    .replace(/[^\p{L}\p{N}._-]+/gu, '_')
    .slice(0, 60);

function unopened(file: string, problem: string | null): DataState {
  return {
    ...{ file, revision: 0, problem, format: null, layout: null, rows: 0, triplets: 0, satisfactory: 0 },
    progress: { phase: problem === null ? 'reading' : 'ready', done: 0, total: 0 },
    views: { all: 0, found: 0, left: 0, decided: 0 },
    ...{
      kinds: [],
      decided: { drop: 0, repair: 0, satisfactory: 0 },
      kept: 0,
      lengths: null,
      out: '',
      written: null,
    },
  };
}

function stateOf({ file, opened, problem, revision, written }: Held): DataState {
  if (opened === null) return unopened(file, problem);
  const summary = opened.summary();
  const { views, format, layout, rows, triplets, satisfactory, decided, kept, progress } = summary;
  return {
    ...{ file, revision, format, layout, rows, triplets, satisfactory, decided, kept, progress, written },
    problem: summary.problem,
    views: {
      all: views.all ?? 0,
      found: views.found ?? 0,
      left: views.left ?? 0,
      decided: views.decided ?? 0,
    },
    kinds: kindsOf(summary),
    lengths: lengthsOf(opened, summary),
    out: freeName(file),
  };
}

const weights = ['error', 'warning', 'note'];

function kindsOf({ views }: ReviewSummary): DataKind[] {
  return (Object.keys(FINDING_TITLES) as FindingCode[])
    .flatMap((code) => {
      const rows = views[code] ?? 0;
      return rows === 0 ? [] : [{ code, title: FINDING_TITLES[code], severity: SEVERITIES[code], rows }];
    })
    .sort((a, b) => weights.indexOf(a.severity) - weights.indexOf(b.severity));
}

function lengthsOf(review: Review, { views }: ReviewSummary): DataLengths | null {
  const { unit, values } = review.lengths();
  const measure = review.measure();
  const context = measure?.maxPositions ?? null;
  const histogram = pictureOf(review, values, context);
  if (histogram === null) return null;
  const { step, counts, longest, median, gathersRest } = histogram;
  return {
    ...{ unit, step, counts, longest, median, gathersRest, context },
    cutoff: measure?.cutoffLength ?? null,
    beyond: views['beyond-context'] ?? 0,
  };
}

const pictures = new WeakMap<Review, { readonly of: number; readonly histogram: Histogram | null }>();

/** Drawn anew when there are a tenth more lengths than it has, or no more to come. */
function pictureOf(review: Review, values: readonly number[], context: number | null): Histogram | null {
  const known = pictures.get(review);
  const isOver = review.summary().progress.phase === 'ready';
  if (known && known.of <= values.length && values.length < (isOver ? known.of + 1 : 1.1 * known.of))
    return known.histogram;
  const histogram = histogramOf(values, context ?? undefined);
  pictures.set(review, { of: values.length, histogram });
  return histogram;
}

/** Beside the file, under a name that nothing has. */
function freeName(file: string): string {
  const stem = basename(file)
    .replace(/\.gz$/i, '')
    .replace(/\.[^.]+$/, '');
  for (let n = 1; ; n++) {
    const path = join(dirname(file), `${stem}.checked${n === 1 ? '' : `-${n}`}.jsonl`);
    if (!existsSync(path)) return path;
  }
}
