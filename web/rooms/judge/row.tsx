// One response to judge: what it answers, its words, what is wrong with it. Knows its own row alone.
import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { AnswerScores, Verdict } from '../../../src/studio/api/chat.ts';
import type { QueueRow } from '../../../src/studio/api/judge.ts';
import { between } from '../../marking/code-points.ts';
import { Tokens } from '../../marking/tokens.tsx';
import { Problem } from '../../shell/problem.tsx';
import {
  announcement,
  goTo,
  keepDraft,
  marks,
  problem,
  remark,
  say,
  saveWords,
  saving,
  shown,
  undo,
  words,
} from './state.ts';

/** Nothing is scored here: the words have no colours. */
const marking = { marks, scores: signal<AnswerScores | null>(null), lambda: signal(1) };

const speakers = { system: 'System', user: 'User', assistant: 'Assistant' } as const;

export function Row({ row, total }: { readonly row: QueueRow; readonly total: number }) {
  const { messages, output, verdict, others } = row;
  const name = `Response ${row.row + 1}`;
  const article = useRef<HTMLElement>(null);
  const serial = shown.value;
  useEffect(() => {
    const box = article.current!;
    box.querySelector<HTMLElement>('.tokens')?.focus({ preventScroll: true });
    if (box.getBoundingClientRect().top < 0) box.scrollIntoView({ block: 'start' });
  }, [serial]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') article.current!.querySelector<HTMLElement>('.tokens')?.focus();
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void saveWords();
  };
  return (
    <article class="judged-row" aria-label={name} ref={article}>
      <div class="where">
        <h2>
          Row {row.row + 1} <span class="note">of {total}</span>
        </h2>
        <div class="buttons">
          <button
            type="button"
            title="The row before (k)"
            aria-label="Row before"
            disabled={row.row === 0}
            onClick={() => void goTo(row.row - 1)}
          >
            ‹
          </button>
          <button
            type="button"
            title="The row after (j)"
            aria-label="Row after"
            disabled={row.row + 1 >= total}
            onClick={() => void goTo(row.row + 1)}
          >
            ›
          </button>
        </div>
      </div>
      <div class="prompt">
        {messages.length === 1 ? (
          <p class="message" dir="auto">
            {messages[0]!.content}
          </p>
        ) : (
          messages.map(({ role, content }, i) => (
            <p key={i} class={`message ${i === messages.length - 1 ? '' : 'earlier'}`} dir="auto">
              <span class="speaker">{speakers[role]}</span>
              {content}
            </p>
          ))
        )}
      </div>
      <Tokens
        text={output}
        name={name}
        marking={marking}
        onMarked={keepDraft}
        onSay={(said) => (announcement.value = said)}
      />
      {output === '' && <p class="note">The response is empty.</p>}
      {verdict !== null && <Standing verdict={verdict} others={others} output={output} />}
      <div class="deciding">
        <Problem error={problem.value?.where === 'row' ? problem.value.error : null} />
        {remark.value !== null && <p class="note remark">{remark.value}</p>}
        <textarea
          id="judge-words"
          rows={2}
          dir="auto"
          aria-label="What is wrong?"
          placeholder="What is wrong?"
          value={words.value}
          onInput={(event) => {
            words.value = event.currentTarget.value;
            keepDraft();
          }}
          onKeyDown={onKeyDown}
        />
        <div class="buttons">
          <button type="button" class="strong" disabled={saving.value} onClick={() => void saveWords()}>
            Save and next
          </button>
          <button
            type="button"
            title="Nothing is wrong (p)"
            aria-pressed={verdict?.kind === 'perfect'}
            disabled={saving.value}
            onClick={() => void say({ kind: 'perfect' })}
          >
            Perfect
          </button>
          <button
            type="button"
            title="You cannot say (s)"
            aria-pressed={verdict?.kind === 'skipped'}
            disabled={saving.value}
            onClick={() => void say({ kind: 'skipped' })}
          >
            Skip
          </button>
          <button type="button" title="Take back what you said last (u)" onClick={() => void undo()}>
            Undo
          </button>
        </div>
      </div>
    </article>
  );
}

interface StandingProps {
  readonly verdict: Verdict;
  readonly others: QueueRow['others'];
  readonly output: string;
}

/** What this person and others have said of the row. */
function Standing({ verdict, others, output }: StandingProps) {
  const points = useMemo(() => Array.from(output), [output]);
  const inWords = (said: Verdict) => {
    if (said.kind === 'perfect') return 'Perfect.';
    if (said.kind === 'skipped') return 'Skipped.';
    const marked = said.marks.map((range) => `“${between(points, range)}”`).join(', ');
    return `${said.words}${marked === '' ? '' : ` (marked ${marked})`}`;
  };
  return (
    <dl class="opinions">
      <div>
        <dt>You</dt>
        <dd dir="auto">{inWords(verdict)}</dd>
      </div>
      {others.map((each) => (
        <div key={each.person}>
          <dt dir="auto">{each.person}</dt>
          <dd dir="auto">{inWords(each.verdict)}</dd>
        </div>
      ))}
    </dl>
  );
}
