// The Chat room: a conversation whose answers can be judged in words, and learning from that.
import { useEffect, useRef } from 'preact/hooks';
import type { ChatState } from '../../../src/studio/api/chat.ts';
import { listen } from '../../shell/api.ts';
import { isCommand } from '../../shell/keys.ts';
import { Problem } from '../../shell/problem.tsx';
import { Answer } from './answer.tsx';
import './chat.css';
import { Composer } from './composer.tsx';
import { Learn } from './learn.tsx';
import { announcement, beginAnew, chat, growing, judge, problem, scoreAgain, send, undo } from './state.ts';

export function Chat() {
  useEffect(() => {
    const leave = listen<ChatState>('chat', (state) => {
      const before = chat.value;
      chat.value = state;
      if (before !== null && before.learning.inUse !== state.learning.inUse) scoreAgain();
    });
    document.addEventListener('keydown', onKey);
    return () => {
      leave();
      document.removeEventListener('keydown', onKey);
    };
  }, []);
  const state = chat.value;
  const count = state?.answers.length ?? 0;
  const seen = useRef(count);
  useEffect(() => {
    const isNew = count > seen.current && seen.current > 0;
    seen.current = count;
    if (isNew) document.querySelector('.exchange:last-child')?.scrollIntoView({ block: 'nearest' });
  }, [count]);
  if (state === null) return <p class="note">Opening…</p>;
  if (state.model === null) return <NoModel />;
  return (
    <div class="chat">
      <section class="conversation" aria-labelledby="chat-heading">
        <div class="title">
          <h1 id="chat-heading">{state.model}</h1>
          <div class="buttons">
            <button
              type="button"
              title="Take back what was said last of an answer (u)"
              onClick={() => void undo()}
            >
              Undo
            </button>
            {state.answers.length > 0 && (
              <button type="button" onClick={() => void beginAnew()}>
                New conversation
              </button>
            )}
          </div>
        </div>
        {!state.remembers && (
          <p class="note">
            This model takes one instruction at a time: every message begins anew, and what was said before is
            not shown to it.
          </p>
        )}
        {state.answers.length === 0 && growing.value === null && <Empty state={state} />}
        <div class="exchanges">
          {state.answers.map((answer, i) => (
            <Answer key={answer.id} answer={answer} number={i + 1} />
          ))}
          <Growing />
        </div>
        <Problem error={problem.value?.where === 'undo' ? problem.value.error : null} />
        <Composer state={state} />
      </section>
      <aside>
        <Learn state={state.learning} />
      </aside>
      <p class="unseen" aria-live="polite">
        {announcement.value}
      </p>
    </div>
  );
}

/** p, s and u, where nobody types: of the answer that has the focus, else the first that nothing was said of. */
function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (!isCommand(event)) return;
  if (event.key === 'u') return void undo();
  const kind = ({ p: 'perfect', s: 'skipped' } as const)[event.key];
  if (kind === undefined) return;
  const focused = target.closest<HTMLElement>('[data-answer]')?.dataset['answer'];
  const id = focused ?? chat.value?.answers.find(({ verdict }) => verdict === null)?.id;
  if (id === undefined) return;
  event.preventDefault();
  announcement.value = kind === 'perfect' ? 'Perfect.' : 'Skipped.';
  void judge(id, { kind });
}

function NoModel() {
  return (
    <div class="empty-page">
      <h1>Chat</h1>
      <p>There is nobody to talk to yet: the studio was started without a model. In the terminal:</p>
      <pre>whetstone studio --model FOLDER</pre>
      <p class="note">
        FOLDER is a Hugging Face model folder, or a model of the hub (ORG/NAME). <code>whetstone demo</code>{' '}
        makes a small one learn in a minute, and says how to talk to it.
      </p>
    </div>
  );
}

function Empty({ state: { prompts } }: { readonly state: ChatState }) {
  return (
    <div class="empty-page">
      <ol class="steps">
        <li>Ask the model something.</li>
        <li>Say in words what is wrong with its answer. The words that this is about light up.</li>
        <li>Press Learn, and see it answer again.</li>
      </ol>
      {prompts.length > 0 && (
        <>
          <p class="note">Or begin with one of these:</p>
          <ul class="prompts">
            {prompts.slice(0, 8).map((prompt) => (
              <li key={prompt}>
                <button type="button" dir="auto" onClick={() => void send(prompt)}>
                  {prompt}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Growing() {
  const box = useRef<HTMLElement>(null);
  const now = growing.value;
  useEffect(() => box.current?.scrollIntoView({ block: 'nearest' }), [now?.text]);
  if (now === null) return null;
  return (
    <article class="exchange" ref={box} aria-busy="true" aria-label="The answer under way">
      <p class="message" dir="auto">
        {now.message}
      </p>
      <div class="answer">
        <div class="tokens" dir="auto">
          {now.text}
          <span class="caret" aria-hidden="true" />
        </div>
        <button type="button" onClick={now.stop}>
          Stop
        </button>
      </div>
    </article>
  );
}
