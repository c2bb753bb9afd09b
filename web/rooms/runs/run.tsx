// One run, or one over another: how far it is, its curves, its rounds, its settings. Knows the state that the studio tells.
import { useEffect, useState } from 'preact/hooks';
import type { RunNews, RunState } from '../../../src/studio/api/runs.ts';
import { listen } from '../../shell/api.ts';
import { Problem } from '../../shell/problem.tsx';
import { linkTo } from '../../shell/route.ts';
import { session } from '../../shell/app.tsx';
import { Curves } from './curves.tsx';
import { Bar, Chip, useRuns } from './list.tsx';
import { Rounds } from './rounds.tsx';
import { Settings } from './settings.tsx';
import { about, left, stepsOf, titleOf } from './words.ts';

interface RunProps {
  readonly name: string;
  /** Another run that is laid over it. */
  readonly over: string | null;
}

function useRun(name: string | null): RunNews | null {
  const [news, setNews] = useState<RunNews | null>(null);
  useEffect(() => {
    setNews(null);
    return name === null ? undefined : listen<RunNews>(`run:${name}`, setNews);
  }, [name]);
  return news;
}

export function Run({ name, over }: RunProps) {
  const own = useRun(name);
  const other = useRun(over);
  const folder = session.value?.runs ?? '';
  const title = titleOf(folder, name);
  const states = [own, other].flatMap((news) => (news !== null && !('problem' in news) ? [news] : []));
  const isReady = own !== null && !('problem' in own) && (over === null || other !== null);
  return (
    <article class="run" aria-labelledby="run-heading">
      <p class="back">
        <a href={linkTo('runs')}>All runs</a>
      </p>
      <div class="title">
        <h1 id="run-heading">
          <bdi>{title}</bdi>
        </h1>
        <Over name={name} over={over} folder={folder} />
      </div>
      {own === null && <p class="note">Opening…</p>}
      {[own, other].map(
        (news, i) => news !== null && 'problem' in news && <Problem key={i} error={news.problem} />,
      )}
      {states.map((state) => (
        <Head
          key={state.run.name}
          state={state}
          title={over === null ? null : titleOf(folder, state.run.name)}
        />
      ))}
      {isReady && (
        <>
          <Curves runs={states.map((state) => ({ state, title: titleOf(folder, state.run.name) }))} />
          {states.map(
            (state) =>
              state.rounds !== null && (
                <Rounds
                  key={state.run.name}
                  rounds={state.rounds}
                  title={over === null ? null : titleOf(folder, state.run.name)}
                />
              ),
          )}
          <Settings runs={states.map((state) => ({ state, title: titleOf(folder, state.run.name) }))} />
        </>
      )}
    </article>
  );
}

/** How far a run is. */
function Head({ state, title }: { readonly state: RunState; readonly title: string | null }) {
  const { run, secondsLeft } = state;
  return (
    <div class="run-head">
      <p>
        {title !== null && (
          <>
            <b>
              <bdi>{title}</bdi>
            </b>{' '}
          </>
        )}
        <Chip standing={run.standing} /> {stepsOf(run)}
        {secondsLeft !== null && `, ${left(secondsLeft)}`}
        <span class="note">
          {' '}
          <bdi>{about(run)}</bdi>
        </span>
      </p>
      <Bar run={run} />
      {run.problem !== null && <Problem error={run.problem} />}
      {run.standing === 'stopped' && run.problem === null && (
        <details>
          <summary>It is not complete, and no process works at it. How to go on</summary>
          <pre>{state.command}</pre>
        </details>
      )}
    </div>
  );
}

/** Which run is laid over this one. */
function Over({ name, over, folder }: RunProps & { readonly folder: string }) {
  const state = useRuns();
  const runs = state === null || 'problem' in state ? [] : state.runs.filter((run) => run.name !== name);
  const known = over === null || runs.some((run) => run.name === over);
  return (
    <label class="over">
      <span class="note">Laid over it</span>
      <select
        value={over ?? ''}
        onChange={({ currentTarget: { value } }) =>
          (location.hash = value === '' ? linkTo('runs', name) : linkTo('runs', name, value))
        }
      >
        <option value="">no other run</option>
        {!known && <option value={over}>{titleOf(folder, over)}</option>}
        {runs.map((run) => (
          <option key={run.name} value={run.name}>
            {titleOf(folder, run.name)}
          </option>
        ))}
      </select>
    </label>
  );
}
