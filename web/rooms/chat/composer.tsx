// Where a message is written, and what holds for all answers: the switch, lambda with its scale.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { heatLevels, light } from '../../../src/report/palette.ts';
import type { ChatState } from '../../../src/studio/api/chat.ts';
import { Problem } from '../../shell/problem.tsx';
import { growing, lambda, moveLambda, nextJudges, problem, send } from './state.ts';

export function Composer({ state }: { readonly state: ChatState }) {
  const message = useSignal('');
  const box = useRef<HTMLTextAreaElement>(null);
  const submit = async (): Promise<void> => {
    const said = message.value.trim();
    if (said === '' || growing.value !== null) return;
    message.value = '';
    if (!(await send(said)) && message.value === '') message.value = said;
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void submit();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div class="controls">
        <Lambda />
        {state.answers.length > 0 && (
          <label class="switch">
            <input
              type="checkbox"
              role="switch"
              checked={nextJudges.value}
              onChange={(event) => (nextJudges.value = event.currentTarget.checked)}
            />
            My next message judges the last answer
          </label>
        )}
      </div>
      <Problem error={problem.value?.where === 'message' ? problem.value.error : null} />
      <div class="writing">
        <textarea
          ref={box}
          rows={2}
          dir="auto"
          aria-label="Message"
          placeholder={nextJudges.value ? 'What is wrong with the last answer?' : 'Ask something'}
          value={message.value}
          onInput={(event) => (message.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="strong" disabled={growing.value !== null}>
          Send
        </button>
      </div>
    </form>
  );
}

/** A token is flagged where the judgment makes it more than lambda times as likely. */
function Lambda() {
  return (
    <div class="lambda">
      <label for="lambda">Lambda</label>
      <input
        id="lambda"
        type="range"
        min={1}
        max={4}
        step={0.05}
        value={lambda.value}
        aria-valuetext={`${lambda.value.toFixed(2)}: tokens that the judgment makes more than that many times as likely are flagged`}
        onInput={(event) => moveLambda(event.currentTarget.valueAsNumber)}
      />
      <output for="lambda">{lambda.value.toFixed(2)}</output>
      <span class="heat" aria-hidden="true">
        <i>{`÷${1 / heatLevels[0]!}`}</i>
        {light.heat.map((_, level) => (
          <span key={level} class={`level-${level}`} />
        ))}
        <i>{`×${heatLevels.at(-1)!}`}</i>
      </span>
    </div>
  );
}
