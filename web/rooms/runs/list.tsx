// The runs of the folder, each with how far it is and how its loss went. Knows rows, no curves.
import { useEffect, useState } from 'preact/hooks';
import { percent } from '../../../src/words/numbers.ts';
import { plainNumber } from '../../../src/report/format.ts';
import type { RunRow, RunsState } from '../../../src/studio/api/runs.ts';
import { listen } from '../../shell/api.ts';
import { Problem } from '../../shell/problem.tsx';
import { linkTo } from '../../shell/route.ts';
import { about, ago, standings, stepsOf, titleOf } from './words.ts';

/** What lies in the folder, as long as the component is there; null before anything is known. */
export function useRuns(): RunsState | { readonly problem: string } | null {
  const [state, setState] = useState<RunsState | { readonly problem: string } | null>(null);
  useEffect(() => listen<RunsState | { readonly problem: string }>('runs', setState), []);
  return state;
}

export function List() {
  const state = useRuns();
  if (state === null) return <p class="note">Looking for runs…</p>;
  if ('problem' in state) return <Problem error={state.problem} />;
  const { folder, runs, more } = state;
  if (runs.length === 0) return <Empty folder={folder} />;
  const busy = runs.filter(({ standing }) => standing === 'going on').length;
  return (
    <section aria-labelledby="runs-heading">
      <h1 id="runs-heading">Runs</h1>
      <p class="note">
        {runs.length + more === 1 ? 'One run' : `${runs.length + more} runs`} in <bdi>{folder}</bdi>
        {busy > 0 && `, ${busy} of them training now`}. The one that changed last comes first.
      </p>
      <ul class="runs" aria-label="Runs">
        {runs.map((run) => (
          <Row key={run.name} run={run} folder={folder} />
        ))}
      </ul>
      {more > 0 && (
        <p class="note">
          {more} older runs are not listed; <code>--runs</code> takes a folder with fewer.
        </p>
      )}
    </section>
  );
}

function Row({ run, folder }: { readonly run: RunRow; readonly folder: string }) {
  const { name, standing, loss, trend, changed, problem } = run;
  return (
    <li class="run-row">
      <div class="run-name">
        <a href={linkTo('runs', name)}>
          <bdi>{titleOf(folder, name)}</bdi>
        </a>
        <p class="note">
          <bdi>{about(run)}</bdi>
        </p>
        {problem !== null && <Problem error={problem} />}
      </div>
      <Trend values={trend} />
      <div class="run-far">
        <p>
          <Chip standing={standing} /> <span class="note">{stepsOf(run)}</span>
        </p>
        <Bar run={run} />
      </div>
      <div class="run-end">
        <p>
          {loss === null ? (
            <span class="note">no loss yet</span>
          ) : (
            <>
              <b>{plainNumber(loss)}</b> <span class="note">nats</span>
            </>
          )}
        </p>
        <p class="note">
          <time dateTime={changed}>{ago(changed)}</time>
        </p>
      </div>
    </li>
  );
}

export function Chip({ standing }: { readonly standing: RunRow['standing'] }) {
  return <span class={`outcome ${standing.replace(' ', '-')}`}>{standings[standing]}</span>;
}

/** Nothing where it is complete or nobody knows how long it will be. */
export function Bar({ run }: { readonly run: RunRow }) {
  const { round, step, totalSteps, standing } = run;
  if (standing === 'complete' || totalSteps === null || totalSteps === 0) return null;
  const own = Math.min(1, step / totalSteps);
  const share = round === null ? own : (round.at - 1 + own) / round.of;
  return (
    <progress
      aria-label={standing === 'going on' ? 'Training' : 'Trained so far'}
      aria-valuetext={percent(share, 0)}
      max={1}
      value={share}
    />
  );
}

/** A small picture of the loss, which the number beside it says. */
function Trend({ values }: { readonly values: RunRow['trend'] }) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return <span class="run-trend" />;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [width, height] = [128, 32];
  const x = (i: number): number => 2 + ((width - 4) * i) / (values.length - 1);
  const y = (value: number): number => height - 3 - ((height - 6) * (value - low)) / (high - low || 1);
  let pen = 'M';
  const path = values
    .map((value, i) => {
      if (value === null) {
        pen = 'M';
        return '';
      }
      const point = `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = 'L';
      return point;
    })
    .join('');
  return (
    <svg
      class="run-trend"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}

function Empty({ folder }: { readonly folder: string }) {
  return (
    <div class="empty-room">
      <h1>Runs</h1>
      <p>
        There is no run in <bdi>{folder}</bdi> yet. A run begins in the terminal, and its curves grow here
        while it trains:
      </p>
      <pre>whetstone align --model FOLDER --data judged.jsonl --out {folder}/first</pre>
      <p class="note">
        What the Chat room learns is listed here as well. Runs elsewhere are shown by a studio that is started
        with <code>--runs THEIR_FOLDER</code>.
      </p>
    </div>
  );
}
