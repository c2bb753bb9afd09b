// The Compare room: two models or adapters answer the same, side by side, and a person says which is better.
import { useEffect, useRef } from 'preact/hooks';
import { percent } from '../../../src/report/format.ts';
import type { CompareState, Contender, Tally, Vote } from '../../../src/studio/api/compare.ts';
import { plural } from '../../../src/words/numbers.ts';
import { listen } from '../../shell/api.ts';
import { isCommand } from '../../shell/keys.ts';
import { Problem } from '../../shell/problem.tsx';
import './compare.css';
import {
  announcement,
  askBoth,
  blind,
  chooseFirst,
  chooseSecond,
  compare,
  first,
  growing,
  isOfChosen,
  lost,
  nextPrompt,
  problem,
  prompt,
  second,
  tally,
  undo,
  voteFor,
} from './state.ts';

export function Compare() {
  useEffect(() => {
    const leave = listen<CompareState | { readonly problem: string }>('compare', (event) => {
      lost.value = 'problem' in event ? event.problem : null;
      if (!('problem' in event)) compare.value = event;
    });
    document.addEventListener('keydown', onKey);
    return () => {
      leave();
      document.removeEventListener('keydown', onKey);
    };
  }, []);
  const state = compare.value;
  if (lost.value !== null) return <Problem error={lost.value} />;
  if (state === null) return <p class="note">Looking for models and adapters…</p>;
  if (state.contenders.length < 2) return <Empty contenders={state.contenders} />;
  return (
    <section class="compare" aria-labelledby="compare-heading">
      <div class="title">
        <h1 id="compare-heading">Compare</h1>
        <div class="buttons">
          <button
            type="button"
            title="Take the last vote back (u)"
            disabled={!state.canUndo}
            onClick={() => void undo()}
          >
            Undo
          </button>
        </div>
      </div>
      <Choice contenders={state.contenders} />
      <Ask />
      <Problem error={problem.value} />
      <Pair />
      <Standing tally={tally.value} />
      <Others tallies={state.tallies} />
      <p class="unseen" aria-live="polite">
        {announcement.value}
      </p>
    </section>
  );
}

const keys: Readonly<Record<string, Vote>> = { a: 'A', b: 'B', e: 'alike' };

/** a, b, e, n and u, where nobody types. */
function onKey(event: KeyboardEvent): void {
  if (!isCommand(event)) return;
  const vote = keys[event.key];
  if (vote !== undefined) void voteFor(vote);
  else if (event.key === 'u') void undo();
  else if (event.key === 'n') askNext();
}

function askNext(): void {
  const next = nextPrompt.value;
  if (next !== null) void askBoth(next);
}

function Empty({ contenders }: { readonly contenders: readonly Contender[] }) {
  return (
    <div class="empty-room">
      <h1>Compare</h1>
      <p>
        {contenders.length === 0
          ? 'There is nothing to compare yet.'
          : `There is only ${contenders[0]!.title}, and a comparison takes two.`}{' '}
        What can be compared is the model that the studio was started with, each version that it learned in
        Chat, and the adapter of each complete run in the folder.
      </p>
      <pre>whetstone studio --model FOLDER</pre>
      <p class="note">
        Then judge an answer in Chat and press Learn: the version that comes of it is listed here.
      </p>
    </div>
  );
}

function Choice({ contenders }: { readonly contenders: readonly Contender[] }) {
  const one = (label: string, value: string | null, choose: (id: string) => void) => (
    <label>
      <span class="note">{label}</span>
      <select value={value ?? ''} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {contenders.map(({ id, title, note }) => (
          <option key={id} value={id}>
            {title}, {note}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="choice">
      {one('Compare', first.value, chooseFirst)}
      {one('with', second.value, chooseSecond)}
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          checked={blind.value}
          onChange={({ currentTarget }) => (blind.value = currentTarget.checked)}
        />
        Blind: who is who is told after the vote
      </label>
    </div>
  );
}

function Ask() {
  const submit = (): void => {
    const text = prompt.value.trim();
    if (text === '' || growing.value !== null) return;
    prompt.value = '';
    void askBoth(text);
  };
  const next = nextPrompt.value;
  return (
    <form
      class="asking"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        rows={1}
        dir="auto"
        aria-label="Prompt"
        placeholder="Ask both something"
        value={prompt.value}
        onInput={({ currentTarget }) => (prompt.value = currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <div class="buttons">
        <button
          type="submit"
          class="strong"
          disabled={growing.value !== null || first.value === second.value}
        >
          Ask both
        </button>
        {next !== null && (
          <button type="button" title={`${next} (n)`} disabled={growing.value !== null} onClick={askNext}>
            Next prompt
          </button>
        )}
        {growing.value !== null && (
          <button type="button" onClick={() => growing.value?.stop()}>
            Stop
          </button>
        )}
      </div>
      {first.value === second.value && <p class="note">Choose two that differ.</p>}
    </form>
  );
}

/** What both answered, and the vote. */
function Pair() {
  const under = growing.value;
  const pair = compare.value?.pair ?? null;
  const asked = useRef<HTMLParagraphElement>(null);
  const isWhole = under === null && pair !== null;
  if (under === null && pair === null)
    return (
      <p class="note">
        Ask both the same thing, and say whose answer is better. The votes become a win rate with its
        interval.
      </p>
    );
  const texts = under?.texts ?? pair!.texts;
  const titles = under === null ? pair!.titles : null;
  const vote = under === null ? pair!.vote : null;
  return (
    <div class="pair" aria-busy={under !== null}>
      <p class="asked" dir="auto" ref={asked}>
        <span class="unseen">Asked: </span>
        {under?.prompt ?? pair!.prompt}
      </p>
      <div class="sides">
        {(['A', 'B'] as const).map((side) => (
          <section key={side} aria-label={side} class={vote === side ? 'side better' : 'side'}>
            <h2>
              {side}
              {titles !== null && (
                <span class="note">
                  {' '}
                  <bdi>{titles[side]}</bdi>
                </span>
              )}
              {vote === side && <span class="outcome">better</span>}
            </h2>
            <p class="text" dir="auto">
              {texts[side]}
              {under !== null && <span class="caret" aria-hidden="true" />}
            </p>
            {isWhole && texts[side] === '' && <p class="note">It ended without a word.</p>}
          </section>
        ))}
      </div>
      <Ballot vote={vote} isOpen={isWhole} isSame={isWhole && texts.A === texts.B} />
    </div>
  );
}

interface BallotProps {
  readonly vote: Vote | null;
  readonly isOpen: boolean;
  readonly isSame: boolean;
}

function Ballot({ vote, isOpen, isSame }: BallotProps) {
  const button = (kind: Vote, text: string, key: string) => (
    <button
      type="button"
      aria-pressed={vote === kind}
      title={`${text} (${key})`}
      disabled={!isOpen}
      onClick={() => void voteFor(kind)}
    >
      {text}
    </button>
  );
  return (
    <div class="ballot">
      <div class="buttons" role="group" aria-label="Which is better?">
        {button('A', 'A is better', 'a')}
        {button('alike', 'Both alike', 'e')}
        {button('B', 'B is better', 'b')}
      </div>
      {isSame && <p class="note">Both said the same.</p>}
    </div>
  );
}

/** From so many votes on an interval of the bootstrap says something. */
const enough = 10;

function Standing({ tally: found }: { readonly tally: Tally | null }) {
  if (found === null) return null;
  const { first: one, second: other, winRate, low, high, wins, losses, alike } = found;
  const votes = wins + losses + alike;
  const at = (share: number): string => `${(100 * share).toFixed(2)}%`;
  return (
    <section class="standing-of" aria-labelledby="standing-heading">
      <h2 id="standing-heading">Votes so far</h2>
      <p>
        <b>
          <bdi>{one}</bdi>
        </b>{' '}
        wins <b class="rate">{percent(winRate, 0)}</b> against{' '}
        <b>
          <bdi>{other}</bdi>
        </b>
        <span class="note">
          {' '}
          {percent(low, 0)} to {percent(high, 0)}
        </span>
      </p>
      <div class="interval" aria-hidden="true">
        <i class="half" />
        <i class="reach" style={{ left: at(low), width: at(high - low) }} />
        <i class="point" style={{ left: at(winRate) }} />
      </div>
      <p class="note">
        {plural(votes, 'vote')}: {wins} for <bdi>{one}</bdi>, {losses} for <bdi>{other}</bdi>, {alike} for
        both alike, which counts as half. The interval holds 95% of the bootstrap over votes
        {votes < enough && `; ${plural(votes, 'vote')} cannot tell much yet`}.
      </p>
    </section>
  );
}

/** Of other pairs than the chosen one. */
function Others({ tallies }: { readonly tallies: readonly Tally[] }) {
  const others = tallies.filter((each) => !isOfChosen(each));
  if (others.length === 0) return null;
  return (
    <details>
      <summary>Votes between others</summary>
      <div class="scroll" role="region" tabIndex={0} aria-label="Votes between others">
        <table>
          <thead>
            <tr>
              <th scope="col">Win rate of</th>
              <th scope="col">against</th>
              <th scope="col">is</th>
              <th scope="col">95% interval</th>
              <th scope="col">votes</th>
            </tr>
          </thead>
          <tbody>
            {others.map((one, i) => (
              <tr key={i}>
                <th scope="row">
                  <Named title={one.first} identity={one.identities[0]} />
                </th>
                <td>
                  <Named title={one.second} identity={one.identities[1]} />
                </td>
                <td>{percent(one.winRate, 0)}</td>
                <td>
                  {percent(one.low, 0)} to {percent(one.high, 0)}
                </td>
                <td>{one.wins + one.losses + one.alike}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Named({ title, identity }: { readonly title: string; readonly identity: string }) {
  const isThere = compare.value?.contenders.some((each) => each.identity === identity);
  return (
    <>
      <bdi>{title}</bdi>
      {!isThere && <span class="note"> as it was</span>}
    </>
  );
}
