// One answer: its message, its words, what somebody thinks of it. Knows its own answer alone.
import type { ChatAnswer } from '../../../src/studio/api/chat.ts';
import { Tokens, flagsOf } from '../../marking/tokens.tsx';
import { Problem } from '../../shell/problem.tsx';
import { announcement, draftOf, judge, keep, keepSoon, lambda, problem, scoreSoon } from './state.ts';
import type { Draft } from './state.ts';

interface Props {
  readonly answer: ChatAnswer;
  /** From 1. */
  readonly number: number;
}

export function Answer({ answer, number }: Props) {
  const { id, message, text, verdict, whole, version } = answer;
  const draft = draftOf(id, verdict);
  const name = `Answer ${number}`;
  const kind = draft.kept.value?.kind ?? null;
  const onInput = (event: Event): void => {
    draft.words.value = (event.currentTarget as HTMLTextAreaElement).value;
    scoreSoon(id, draft);
    keepSoon(id, draft);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void keep(id, draft);
  };
  return (
    <article class="exchange" aria-label={name} data-answer={id}>
      <p class="message" dir="auto">
        <span class="unseen">You: </span>
        {message}
      </p>
      <div class="answer">
        <Tokens
          text={text}
          name={name}
          marking={{ ...draft, lambda }}
          onMarked={() => keepSoon(id, draft)}
          onSay={(words) => (announcement.value = words)}
        />
        {text === '' && <p class="note">The model ended without a word.</p>}
        {!whole && text !== '' && <p class="note">It was cut off here.</p>}
        <Flagged draft={draft} />
        <div class="verdict">
          <textarea
            rows={1}
            dir="auto"
            aria-label="What is wrong?"
            placeholder="What is wrong?"
            value={draft.words.value}
            onInput={onInput}
            onKeyDown={onKeyDown}
            onBlur={() => void keep(id, draft)}
          />
          <div class="buttons">
            <button
              type="button"
              aria-pressed={kind === 'perfect'}
              title="Nothing is wrong (p)"
              onClick={() => void judge(id, { kind: 'perfect' })}
            >
              Perfect
            </button>
            <button
              type="button"
              aria-pressed={kind === 'skipped'}
              title="Say nothing of it (s)"
              onClick={() => void judge(id, { kind: 'skipped' })}
            >
              Skip
            </button>
          </div>
        </div>
        <p class="note standing">
          {kind === 'wrong' && <span class="kept">Judged. </span>}
          {kind === 'perfect' && <span class="kept">Perfect. </span>}
          {kind === 'skipped' && 'Skipped. '}
          {draft.marks.value.length > 0 && draft.words.value.trim() === ''
            ? 'Say in words what is wrong with what you marked. '
            : ''}
          {version > 0 && `Answered by version ${version}.`}
        </p>
        {problem.value?.where === id && <Problem error={problem.value.error} />}
      </div>
    </article>
  );
}

/** How many tokens the judgment is about. */
function Flagged({ draft }: { readonly draft: Draft }) {
  const scores = draft.scores.value;
  const flags = flagsOf(scores, lambda.value);
  if (flags === null) return draft.waiting.value ? <p class="note flagged-share">Looking…</p> : null;
  const count = flags.filter(Boolean).length;
  const share = Math.round((100 * count) / flags.length);
  return (
    <p class="note flagged-share" aria-busy={draft.waiting.value}>
      <b>{share}%</b> flagged: {count} of {flags.length} tokens
    </p>
  );
}
