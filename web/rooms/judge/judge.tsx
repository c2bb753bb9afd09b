// The Judge room: responses one at a time, what is wrong with each, by several people. Knows queues; a row is row.tsx.
import { useEffect, useRef } from 'preact/hooks';
import type { JudgeState, QueueEvent } from '../../../src/studio/api/judge.ts';
import { listen } from '../../shell/api.ts';
import { isCommand } from '../../shell/keys.ts';
import { Problem } from '../../shell/problem.tsx';
import { linkTo } from '../../shell/route.ts';
import { Aside } from './aside.tsx';
import './judge.css';
import { Row } from './row.tsx';
import {
  announcement,
  begin,
  failed,
  goTo,
  hear,
  judge,
  leaveQueue,
  opened,
  person,
  problem,
  queue,
  row,
  say,
  showOthers,
  others,
  undo,
} from './state.ts';

export function Judge({ path }: { readonly path: readonly string[] }) {
  useEffect(() => listen<JudgeState>('judge', (state) => (judge.value = state)), []);
  const state = judge.value;
  const name = path[0] ?? state?.given ?? null;
  if (state === null) return <p class="note">Opening…</p>;
  if (name === null) return <Pick state={state} />;
  return <Desk key={name} name={name} hasOthers={state.given === null} />;
}

function Pick({ state: { queues, folder } }: { readonly state: JudgeState }) {
  return (
    <div class="empty-page">
      <h1>Judge</h1>
      <p>
        Read responses one at a time and say in words what is wrong with each. What comes out is a file that{' '}
        <code>whetstone align</code> learns from.
      </p>
      {queues.length > 0 ? (
        <>
          <h2 id="queues">Files in {folder}</h2>
          <ul class="queues" aria-labelledby="queues">
            {queues.map(({ name, open }) => (
              <li key={name}>
                <a href={linkTo('judge', name)} dir="auto">
                  {name}
                </a>
                {open && (
                  <span class="note">
                    {open.settled} of {open.total} judged
                  </span>
                )}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p>There is no file of responses in {folder} yet. Put one there, or in the terminal:</p>
      )}
      <pre>whetstone studio --judge FILE</pre>
      <p class="note">
        FILE has rows of <code>instruction</code>, <code>input</code> where there is one, and{' '}
        <code>output</code>; or of <code>messages</code>. JSON, JSONL, CSV, TSV or Parquet.
      </p>
    </div>
  );
}

function Desk({ name, hasOthers }: { readonly name: string; readonly hasOthers: boolean }) {
  const who = person.value;
  opened.value = name;
  useEffect(() => {
    const leave = listen<QueueEvent>(`queue:${JSON.stringify([name, who])}`, hear);
    return () => {
      leave();
      leaveQueue();
    };
  }, [name, who]);
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  const state = queue.value;
  const looked = row.value;
  const isWaiting = state !== null && looked === undefined;
  useEffect(() => {
    if (isWaiting) void begin();
  }, [isWaiting, state?.serial, who]);
  return (
    <div class="judge">
      <section aria-labelledby="judge-heading">
        <div class="title">
          <h1 id="judge-heading">Judge</h1>
          {hasOthers && (
            <a class="note" href={linkTo('judge')}>
              Other files
            </a>
          )}
        </div>
        <Problem error={failed.value} />
        {state !== null && (
          <>
            {state.total > 0 && <Progress />}
            {looked ? (
              <Row key={`${looked.serial} ${looked.row}`} row={looked} total={state.total} />
            ) : (
              <Done />
            )}
            {!looked && <Problem error={problem.value?.where === 'row' ? problem.value.error : null} />}
          </>
        )}
        {state === null && failed.value === null && <p class="note">Opening…</p>}
      </section>
      {state !== null && <Aside state={state} />}
      <p class="unseen" aria-live="polite">
        {announcement.value}
      </p>
    </div>
  );
}

function Progress() {
  const { title, settled, total, own } = queue.value!;
  return (
    <div class="progress">
      <p class="note">
        <b dir="auto">{title}</b> {settled} of {total} judged
        {own > 0 && own < settled ? `, ${own} by you` : ''}
      </p>
      <progress aria-label="Judged" value={settled} max={total} />
    </div>
  );
}

/** What is said where there is no row to look at. */
function Done() {
  const { total, settled, out, own, written } = queue.value!;
  const box = useRef<HTMLDivElement>(null);
  const isAsked = row.value === null;
  useEffect(() => {
    if (isAsked) box.current?.focus();
  }, [isAsked]);
  if (person.value === '')
    return <p class="done">Say who you are first: your name stands beside what you judge.</p>;
  if (total === 0)
    return (
      <p class="done">
        There is nothing to judge at the moment. What comes next is shown here; this page may stay open.
      </p>
    );
  if (!isAsked) return null;
  return (
    <div class="done" ref={box} tabIndex={-1}>
      <p class="kept">{settled === total ? 'Every row is judged.' : 'Nothing is left for you.'}</p>
      {settled === total && out === null && <p>The command in the terminal goes on by itself.</p>}
      {settled === total && out !== null && written !== null && (
        <p>
          The judged rows are in <code>{out}</code>. Learn from them with{' '}
          <code>whetstone align --data {out}</code>.
        </p>
      )}
      {own < total && !others.value && (
        <p>
          <button type="button" onClick={() => showOthers(true)}>
            Judge what others judged
          </button>{' '}
          <span class="note">Then the page tells how far you agree.</span>
        </p>
      )}
    </div>
  );
}

/** p, s, u, w, j and k, where nobody types. */
function onKey(event: KeyboardEvent): void {
  if (!isCommand(event)) return;
  const looked = row.value;
  const total = queue.value?.total ?? 0;
  const actions: Readonly<Record<string, () => void>> = {
    u: () => void undo(),
    ...(looked && {
      p: () => void say({ kind: 'perfect' }),
      s: () => void say({ kind: 'skipped' }),
      w: () => document.getElementById('judge-words')?.focus(),
      j: () => looked.row + 1 < total && void goTo(looked.row + 1),
      k: () => looked.row > 0 && void goTo(looked.row - 1),
    }),
  };
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
  if (action === undefined) return;
  event.preventDefault();
  action();
}
