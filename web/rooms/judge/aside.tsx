// Beside the row: who judges, how far the others are and agree, where the judged rows go. Knows the queue's state.
import type { PairAgreement } from '../../../src/judges/person/counts.ts';
import type { QueueState } from '../../../src/studio/api/judge.ts';
import { Problem } from '../../shell/problem.tsx';
import { callMyself, goTo, others, person, problem, showOthers, writeFile } from './state.ts';

export function Aside({ state }: { readonly state: QueueState }) {
  const { people, agreement } = state;
  return (
    <aside aria-label="About this queue">
      <section aria-labelledby="people-heading">
        <h2 id="people-heading">People</h2>
        <label class="who">
          <span>Judging as</span>
          <input
            type="text"
            dir="auto"
            maxLength={80}
            placeholder="Your name"
            autocomplete="name"
            value={person.value}
            onChange={(event) => callMyself(event.currentTarget.value)}
          />
        </label>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={others.value}
            onChange={(event) => showOthers(event.currentTarget.checked)}
          />
          Also judge what others have judged
        </label>
        {people.length > 0 && (
          <ul class="people">
            {people.map(({ person: name, judged, skipped, present }) => (
              <li key={name}>
                <span>
                  <b dir="auto">{name}</b>
                  {present && <span class="here">here</span>}
                </span>
                <span class="note">
                  {judged} judged{skipped > 0 ? `, ${skipped} skipped` : ''}
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      {agreement.length > 0 && <Agreement state={state} />}
      <File state={state} />
      <details class="keys">
        <summary>Keys</summary>
        <dl>
          {keys.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </details>
    </aside>
  );
}

const keys = [
  ['p', 'perfect: nothing is wrong'],
  ['s', 'skip: you cannot say'],
  ['u', 'undo what you said last'],
  ['w', 'write what is wrong'],
  ['Enter', 'save what you wrote, and next'],
  ['Esc', 'from writing back to the response'],
  ['← →', 'move among words, with Shift select'],
  ['m', 'mark the selected words'],
  ['j, k', 'row after, row before'],
] as const;

const share = (value: number): string => `${Math.round(100 * value)}%`;
const figure = (value: number | null): string => (value === null ? '–' : value.toFixed(2));

function Agreement({ state: { agreement, apart } }: { readonly state: QueueState }) {
  return (
    <section aria-labelledby="agreement-heading">
      <h2 id="agreement-heading">Agreement</h2>
      <table aria-labelledby="agreement-heading">
        <thead>
          <tr>
            <th scope="col">Rows</th>
            <th scope="col">Same</th>
            <th scope="col">
              <abbr title="Cohen's kappa on satisfactory or not: 1 is full agreement, 0 what chance would give">
                Kappa
              </abbr>
            </th>
            <th scope="col">
              <abbr title="F1 of the marked characters, over rows that both marked">Marks</abbr>
            </th>
          </tr>
        </thead>
        <tbody>
          {agreement.map((pair) => (
            <Pair key={JSON.stringify(pair.people)} {...pair} />
          ))}
        </tbody>
      </table>
      {apart.count > 0 && (
        <>
          <p class="note" id="apart">
            Perfect for one and not for the other
            {apart.count > apart.rows.length ? `, ${apart.count} rows` : ''}. The later judgment counts.
          </p>
          <ul class="apart" aria-labelledby="apart">
            {apart.rows.map((row) => (
              <li key={row}>
                <button type="button" aria-label={`Row ${row + 1}`} onClick={() => void goTo(row)}>
                  {row + 1}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Pair({ people, labels, marks }: PairAgreement) {
  return (
    <>
      <tr>
        <th scope="rowgroup" colSpan={4} dir="auto">
          {people[0]} and {people[1]}
        </th>
      </tr>
      <tr>
        <td>{labels.items}</td>
        <td>{share(labels.observed)}</td>
        <td>{figure(labels.kappa)}</td>
        <td>{figure(marks?.f1 ?? null)}</td>
      </tr>
    </>
  );
}

function File({ state: { out, written, settled, total, problem: failure } }: { readonly state: QueueState }) {
  if (out === null)
    return total === 0 ? null : (
      <p class="note">
        A command in the terminal waits for these judgments, and goes on when every row has one.
      </p>
    );
  return (
    <section aria-labelledby="file-heading">
      <h2 id="file-heading">Judged file</h2>
      <p class="note">
        <code>{out}</code>{' '}
        {written === null
          ? 'is written when every row is judged.'
          : `has ${written === 1 ? '1 row' : `${written} rows`}.`}
      </p>
      {settled > 0 && settled < total && (
        <button type="button" onClick={() => void writeFile()}>
          Write what is judged so far
        </button>
      )}
      <Problem error={failure ?? (problem.value?.where === 'file' ? problem.value.error : null)} />
    </section>
  );
}
