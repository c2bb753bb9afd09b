// What the Chat room knows: the studio's state, the answer that grows, the colours of each answer that is being judged.
// Asks the studio; draws nothing.
import { computed, signal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import type {
  AnswerEvent,
  AnswerScores,
  ChatState,
  CodePoints,
  Judged,
  Verdict,
} from '../../../src/studio/api/chat.ts';
import { postForEvents, postJson } from '../../shell/api.ts';
import { asking } from '../../shell/asking.ts';

export const chat = signal<ChatState | null>(null);

/** Moved by hand; null: as the studio has it. */
const movedLambda = signal<number | null>(null);
export const lambda = computed(() => movedLambda.value ?? chat.value?.lambda ?? 1.2);
export const moveLambda = (value: number): void => void (movedLambda.value = value);

/** The answer under way. */
export interface Growing {
  readonly message: string;
  readonly text: string;
  readonly stop: () => void;
}
export const growing = signal<Growing | null>(null);
/** What went wrong with what was asked last; shown where it was asked. */
export const problem = signal<{ readonly where: string; readonly error: unknown } | null>(null);
/** Whether the next message is the judgment of the answer before it. */
export const nextJudges = signal(false);
/** Said to those who hear the page and do not see it. */
export const announcement = signal('');

/** An answer that is being judged on this page: what is typed and marked, what of it is kept, and its colours. */
export interface Draft {
  readonly words: Signal<string>;
  readonly marks: Signal<readonly CodePoints[]>;
  /** The verdict that the studio has. */
  readonly kept: Signal<Verdict | null>;
  readonly scores: Signal<AnswerScores | null>;
  readonly waiting: Signal<boolean>;
  /** The revision of the studio's state that has what this page sent last; what is told before it is old. */
  since: number;
}
const drafts = new Map<string, Draft>();

const wrongOf = (verdict: Verdict | null): { words: string; marks: readonly CodePoints[] } =>
  verdict?.kind === 'wrong' ? verdict : { words: '', marks: [] };

/** The draft of an answer, which follows what the studio has wherever nothing else is typed here. */
export function draftOf(id: string, verdict: Verdict | null): Draft {
  const { words, marks } = wrongOf(verdict);
  const known = drafts.get(id);
  if (known === undefined) {
    const draft: Draft = {
      words: signal(words),
      marks: signal(marks),
      kept: signal(verdict),
      scores: signal<AnswerScores | null>(null),
      waiting: signal(false),
      since: 0,
    };
    drafts.set(id, draft);
    if (words !== '') scoreSoon(id, draft, 0);
    return draft;
  }
  const isOld = chat.value !== null && chat.value.revision < known.since;
  if (isOld || same(known.kept.value, verdict)) return known;
  const isTyped = !same(typed(known), known.kept.value) && known.words.value.trim() !== '';
  known.kept.value = verdict;
  if (!isTyped) {
    known.marks.value = marks;
    if (known.words.value !== words) {
      known.words.value = words;
      scoreSoon(id, known, 0);
    }
  }
  return known;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the draft says; without words nothing. */
function typed({ words, marks }: Draft): Verdict | null {
  const said = words.value.trim();
  return said === '' ? null : { kind: 'wrong', words: said, marks: marks.value };
}

const keepMilliseconds = 1200;
const keeping = new Map<string, ReturnType<typeof setTimeout>>();

/** Keeps what is typed once nobody types any more. */
export function keepSoon(id: string, draft: Draft): void {
  clearTimeout(keeping.get(id));
  keeping.set(
    id,
    setTimeout(() => void keep(id, draft), keepMilliseconds),
  );
}

/** Keeps what is typed now, if it is not kept already. */
export async function keep(id: string, draft: Draft): Promise<boolean> {
  clearTimeout(keeping.get(id));
  keeping.delete(id);
  const verdict = typed(draft);
  const { value: kept } = draft.kept;
  if (same(verdict, kept) || (verdict === null && kept?.kind !== 'wrong')) return true;
  draft.kept.value = verdict;
  draft.since = Infinity;
  const saving = judge(id, verdict);
  underWay.add(saving);
  const revision = await saving;
  underWay.delete(saving);
  draft.since = revision ?? 0;
  if (revision === null) draft.kept.value = kept;
  return revision !== null;
}

/** Judgments on their way to the studio. */
const underWay = new Set<Promise<number | null>>();

const keepAll = async (): Promise<void> => {
  await Promise.all(underWay);
  for (const [id, draft] of drafts) if (keeping.has(id)) await keep(id, draft);
};
addEventListener('pagehide', () => void keepAll());

/** After the last key, so that not every letter asks. */
const pauseMilliseconds = 250;
const pending = new Map<
  string,
  { readonly timer: ReturnType<typeof setTimeout>; readonly abort: AbortController }
>();

/** Asks for the colours of what is typed; what was asked for before is given up, here and in the studio. */
export function scoreSoon(id: string, draft: Draft, pause = pauseMilliseconds): void {
  const before = pending.get(id);
  if (before) {
    clearTimeout(before.timer);
    before.abort.abort();
  }
  pending.delete(id);
  const judgment = draft.words.value.trim();
  if (judgment === '') {
    draft.scores.value = null;
    draft.waiting.value = false;
    return;
  }
  const abort = new AbortController();
  draft.waiting.value = true;
  const ask = async (): Promise<void> => {
    try {
      const found = await postJson<AnswerScores>('/api/chat/scores', { answer: id, judgment }, abort.signal);
      draft.scores.value = found;
    } catch (error) {
      if (!abort.signal.aborted) problem.value = { where: id, error };
    } finally {
      if (!abort.signal.aborted) draft.waiting.value = false;
    }
  };
  pending.set(id, { timer: setTimeout(() => void ask(), pause), abort });
}

/** Colours of a version that no longer answers say nothing of the one that does. */
export function scoreAgain(): void {
  for (const [id, draft] of drafts) if (draft.scores.value !== null) scoreSoon(id, draft, 0);
}

const askingAt = (where: string, work: () => Promise<unknown>): Promise<boolean> =>
  asking((error) => (problem.value = error === null ? null : { where, error }), work);

/** Returns whether it was taken. */
export async function send(message: string): Promise<boolean> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const judges = nextJudges.value;
  growing.value = { message, text: '', stop };
  announcement.value = 'The model is answering.';
  const taken = await askingAt('message', () =>
    postForEvents<AnswerEvent>(
      '/api/chat/messages',
      { message, judges },
      (event) => {
        const now = growing.value!;
        if (event.kind === 'text') growing.value = { ...now, text: now.text + event.text };
        else announcement.value = `The model answered: ${event.answer.text}`;
      },
      abort.signal,
    ),
  );
  growing.value = null;
  if (abort.signal.aborted) problem.value = null;
  return taken || abort.signal.aborted;
}

/** The revision that has it; null where it was not taken. */
export async function judge(id: string, verdict: Verdict | null): Promise<number | null> {
  let revision: number | null = null;
  await askingAt(id, async () => {
    ({ revision } = await postJson<Judged>('/api/chat/judgments', { answer: id, verdict }));
  });
  return revision;
}

export async function undo(): Promise<void> {
  await askingAt('undo', async () => {
    const { answer } = await postJson<{ readonly answer: string | null }>('/api/chat/undo', {});
    announcement.value = answer === null ? 'There is nothing to take back.' : 'Taken back.';
  });
}

export const beginAnew = (): Promise<boolean> => askingAt('message', () => postJson('/api/chat/new', {}));
export const learn = (): Promise<boolean> =>
  askingAt('learn', async () => {
    await keepAll();
    await postJson('/api/chat/learn', {});
  });
export const useVersion = (version: number): Promise<boolean> =>
  askingAt('learn', () => postJson('/api/chat/use', { version }));
