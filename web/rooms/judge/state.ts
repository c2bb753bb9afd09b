// What the Judge room knows: the queue, the row that is looked at, what is typed and marked of it, and who judges. Asks the
// studio; draws nothing.
import { computed, signal } from '@preact/signals';
import type { CodePoints, Verdict } from '../../../src/studio/api/chat.ts';
import type {
  JudgeState,
  OpinionTaken,
  QueueEvent,
  QueueRow,
  QueueState,
  RowAnswer,
  Undone,
} from '../../../src/studio/api/judge.ts';
import { postJson } from '../../shell/api.ts';
import { asking } from '../../shell/asking.ts';
import { drafts, remember, remembered } from './drafts.ts';

export const judge = signal<JudgeState | null>(null);
/** The queue that is open on this page, by its name. */
export const opened = signal<string | null>(null);
const heard = signal<QueueEvent | null>(null);
export const queue = computed<QueueState | null>(() =>
  heard.value === null || 'failed' in heard.value ? null : heard.value,
);
/** Why the queue cannot be opened. */
export const failed = computed<string | null>(() =>
  heard.value !== null && 'failed' in heard.value ? heard.value.failed : null,
);

/** Typed here before, else as the studio suggests. */
const typedName = signal<string | null>(remembered('name'));
export const person = computed(() => typedName.value ?? judge.value?.person ?? '');
export const callMyself = (name: string): void => {
  // Whoever gives another name goes on with the row that they are reading.
  stay = row.value?.row ?? null;
  typedName.value = name.trim() === '' ? null : name.trim();
  remember('name', typedName.value);
  row.value = undefined;
};

let stay: number | null = null;

/** Whether rows that others have judged are shown as well. */
export const others = signal(remembered('others') === 'yes');
export const showOthers = (on: boolean): void => {
  others.value = on;
  remember('others', on ? 'yes' : null);
  if (row.value === null) void next();
};

/** The row that is looked at; null where none is left, undefined where nobody has asked yet. */
export const row = signal<QueueRow | null | undefined>(undefined);
export const words = signal('');
export const marks = signal<readonly CodePoints[]>([]);
export const saving = signal(false);
export const problem = signal<{ readonly where: 'row' | 'file'; readonly error: unknown } | null>(null);
/** Said of the row before, where its words do not sound as they count. */
export const remark = signal<string | null>(null);
/** Said to those who hear the page and do not see it. */
export const announcement = signal('');
/** Counts the rows shown, so that the page can put the focus where reading begins. */
export const shown = signal(0);

/** Takes what the studio tells of the queue. */
export function hear(event: QueueEvent): void {
  const before = queue.value;
  heard.value = event;
  if ('failed' in event) return;
  const looked = row.value;
  const isOther = looked !== null && looked !== undefined && looked.serial !== event.serial;
  if (isOther || (looked === null && before !== null && before.serial !== event.serial))
    row.value = undefined;
  // Judged in another tab of the same person.
  else if (looked && looked.verdict === null && before !== null && event.own > before.own && !saving.value)
    void lookAgain(looked);
}

export function leaveQueue(): void {
  heard.value = null;
  row.value = undefined;
  remark.value = null;
  problem.value = null;
}

const here = (): { queue: string; person: string; others: boolean } => ({
  queue: opened.value!,
  person: person.value,
  others: others.value,
});

const askingAt = (where: 'row' | 'file', work: () => Promise<void>): Promise<boolean> =>
  asking((error) => (problem.value = error === null ? null : { where, error }), work);

/** What is typed of the row here, or said of it by this person. */
function show(found: QueueRow | null, verdict: Verdict | null = found?.verdict ?? null): void {
  row.value = found;
  if (found === null) return;
  const draft = drafts(opened.value!, person.value).of(found);
  const said = verdict?.kind === 'wrong' ? verdict : { words: '', marks: [] };
  words.value = draft?.words ?? said.words;
  marks.value = draft?.marks ?? said.marks;
  shown.value++;
}

/** Keeps what is typed on this machine until it is saved. */
export function keepDraft(): void {
  if (row.value)
    drafts(opened.value!, person.value).keep(row.value, { words: words.value, marks: marks.value });
}

/** The row that was being judged when the page was left, else the next one. */
export const begin = (): Promise<boolean> =>
  askingAt('row', async () => {
    if (person.value === '') return;
    const kept = drafts(opened.value!, person.value);
    const began = stay ?? kept.last();
    if (began !== null) {
      const isWanted = (found: QueueRow): boolean =>
        stay === null ? kept.of(found) !== null : found.verdict === null;
      const { row: found } = await postJson<RowAnswer>('/api/judge/row', { ...here(), row: began }).catch(
        () => ({ row: null }),
      );
      const wanted = found !== null && isWanted(found);
      stay = null;
      if (wanted) return show(found);
    }
    show((await postJson<RowAnswer>('/api/judge/next', here())).row);
  });

export const next = (): Promise<boolean> =>
  askingAt('row', async () => show((await postJson<RowAnswer>('/api/judge/next', here())).row));

export const goTo = (at: number): Promise<boolean> =>
  askingAt('row', async () => {
    remark.value = null;
    show((await postJson<RowAnswer>('/api/judge/row', { ...here(), row: at })).row);
  });

async function lookAgain(looked: QueueRow): Promise<void> {
  await askingAt('row', async () => {
    const { row: found } = await postJson<RowAnswer>('/api/judge/row', { ...here(), row: looked.row });
    const isTyped = words.value.trim() !== '' || marks.value.length > 0;
    if (found?.verdict && row.value === looked && !isTyped && !saving.value)
      show((await postJson<RowAnswer>('/api/judge/next', here())).row);
  });
}

/** Saves the verdict and goes on. */
export async function say(verdict: Verdict): Promise<void> {
  const said = row.value;
  if (!said || saving.value) return;
  saving.value = true;
  await askingAt('row', async () => {
    const taken = await postJson<OpinionTaken>('/api/judge/opinions', {
      ...here(),
      row: said.row,
      serial: said.serial,
      verdict,
    });
    drafts(opened.value!, person.value).drop(said);
    remark.value = remarkOn(said.row, taken);
    announcement.value = `${counted[taken.counts]} ${taken.row === null ? 'That was the last one.' : `Row ${taken.row.row + 1}.`}`;
    show(taken.row);
  });
  saving.value = false;
}

const counted: Readonly<Record<OpinionTaken['counts'], string>> = {
  satisfactory: 'Perfect.',
  unsatisfactory: 'Judged.',
  skipped: 'Skipped.',
};

function remarkOn(at: number, { suspicious }: OpinionTaken): string | null {
  if (suspicious === 'praise')
    return `Row ${at + 1} sounds like praise and counts as criticism. If nothing is wrong with it, take it back (u) and press Perfect.`;
  if (suspicious === 'criticism')
    return `Row ${at + 1} begins with "perfect" and counts as praise, but sounds like criticism. Take it back (u) if something is wrong with it.`;
  return null;
}

/** What is typed, as the judgment of the row. */
export async function saveWords(): Promise<void> {
  const said = words.value.trim();
  if (said !== '') return say({ kind: 'wrong', words: said, marks: marks.value });
  problem.value = {
    where: 'row',
    error:
      marks.value.length > 0
        ? 'Say in words what is wrong with what you marked.'
        : 'Say in words what is wrong. Where nothing is, press Perfect; where you cannot say, Skip.',
  };
}

export const undo = (): Promise<boolean> =>
  askingAt('row', async () => {
    const { undone } = await postJson<Undone>('/api/judge/undo', here());
    announcement.value =
      undone === null ? 'There is nothing to take back.' : `Row ${undone.row.row + 1}: taken back.`;
    remark.value = undone === null ? 'There is nothing to take back.' : null;
    if (undone === null) return;
    drafts(opened.value!, person.value).drop(undone.row);
    show(undone.row, undone.verdict);
    if (undone.verdict.kind === 'wrong') keepDraft();
  });

export const writeFile = (): Promise<boolean> =>
  askingAt('file', async () => {
    await postJson('/api/judge/write', here());
  });
