// Learning beside the conversation: the button, how far it is, what changed, versions to return to. Knows the state of
// learning alone.
import type { BeforeAfter, ChatVersion, LearnProgress, LearnState } from '../../../src/studio/api/chat.ts';
import { Problem } from '../../shell/problem.tsx';
import { learn, problem, useVersion } from './state.ts';

export function Learn({ state }: { readonly state: LearnState }) {
  const { fresh, canLearn, progress, unfinished, versions, inUse } = state;
  const latest = versions.findLast((each) => each.version > 0) ?? null;
  return (
    <section class="learn" aria-labelledby="learn-heading">
      <h2 id="learn-heading">Learn</h2>
      <p class="note">
        {fresh === 0
          ? 'Judge an answer, and the model can learn from it.'
          : `${fresh === 1 ? '1 judgment is' : `${fresh} judgments are`} new to version ${inUse}.`}
      </p>
      {unfinished !== null && (
        <p class="note">
          The training of version {unfinished} was cut off. Nothing is lost: Learn goes on with it.
        </p>
      )}
      <button
        type="button"
        class="strong"
        disabled={progress !== null || !canLearn}
        onClick={() => void learn()}
      >
        Learn
      </button>
      {progress !== null && <Progress {...progress} />}
      <Problem error={state.problem ?? (problem.value?.where === 'learn' ? problem.value.error : null)} />
      {latest !== null && <Changes version={latest} />}
      <h3 id="versions-heading">Versions</h3>
      <ul class="versions" aria-labelledby="versions-heading">
        {[...versions].reverse().map((each) => (
          <VersionRow key={each.version} version={each} inUse={inUse} isBusy={progress !== null} />
        ))}
      </ul>
    </section>
  );
}

const phases: Readonly<Record<LearnProgress['phase'], string>> = {
  training: 'Training',
  comparing: 'Comparing with the version before',
  answering: 'Answering again',
};

function Progress({ phase, done, total, secondsLeft }: LearnProgress) {
  const left = secondsLeft === null ? '' : `, about ${Math.max(1, Math.round(secondsLeft))} s left`;
  const text = `${phases[phase]}: ${done} of ${total}${left}`;
  return (
    <>
      <progress aria-label="Learning" aria-valuetext={text} max={Math.max(1, total)} value={done} />
      <p class="note">{text}. The model answers as before until then.</p>
    </>
  );
}

/** What a version made of the prompts that it learned from, and of others. */
function Changes({ version: { version, again, others, heldBack } }: { readonly version: ChatVersion }) {
  return (
    <div class="changes">
      <h3>What version {version} changed</h3>
      {heldBack !== null && <p class="problem">It did not take over: {heldBack}.</p>}
      {again && again.map((each, i) => <Pair key={i} pair={each} />)}
      {others && (
        <>
          <p class="others">
            <b>
              {others.changed} of {others.answers.length}
            </b>{' '}
            other answers changed.
            {others.meanKl !== null && (
              <span class="note"> Mean KL {Number(others.meanKl.toPrecision(2))} nats a token.</span>
            )}
          </p>
          <details>
            <summary>Those answers, before and after</summary>
            {others.answers.map((each, i) => (
              <Pair key={i} pair={each} />
            ))}
          </details>
        </>
      )}
    </div>
  );
}

function Pair({ pair: { message, before, after, judgment } }: { readonly pair: BeforeAfter }) {
  return (
    <div class="before-after">
      <p class="asked" dir="auto">
        {message}
      </p>
      {judgment !== null && (
        <p class="judgment" dir="auto">
          {judgment}
        </p>
      )}
      <dl>
        <div>
          <dt>Before</dt>
          <dd dir="auto">{before || '(nothing)'}</dd>
        </div>
        <div class={before === after ? 'same' : 'other'}>
          <dt>After</dt>
          <dd dir="auto">{before === after ? <>{after} (the same)</> : after || '(nothing)'}</dd>
        </div>
      </dl>
    </div>
  );
}

interface RowProps {
  readonly version: ChatVersion;
  readonly inUse: number;
  readonly isBusy: boolean;
}

function VersionRow({ version: { version, at, from, judgments, heldBack }, inUse, isBusy }: RowProps) {
  const name = version === 0 ? 'As it was' : `Version ${version}`;
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <li aria-current={version === inUse ? 'true' : undefined}>
      <span>
        <b>{name}</b>
        <span class="note">
          {' '}
          {version > 0 && `${judgments === 1 ? '1 judgment' : `${judgments} judgments`}, from ${from}, `}
          {time}
          {heldBack !== null && ', held back'}
        </span>
      </span>
      {version === inUse ? (
        <span class="outcome">in use</span>
      ) : (
        <button
          type="button"
          disabled={isBusy}
          aria-label={`Return to ${version === 0 ? 'the model as it was' : `version ${version}`}`}
          onClick={() => void useVersion(version)}
        >
          Return
        </button>
      )}
    </li>
  );
}
