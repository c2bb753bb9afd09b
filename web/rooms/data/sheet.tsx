// One file: how many rows it has, how long they are, what was found in them, the rows themselves, the new file.
import { useEffect } from 'preact/hooks';
import type { DataAction, DataState } from '../../../src/studio/api/data.ts';
import { isCommand } from '../../shell/keys.ts';
import { Problem } from '../../shell/problem.tsx';
import { linkTo } from '../../shell/route.ts';
import { Findings } from './findings.tsx';
import { Kinds } from './kinds.tsx';
import { Lengths } from './lengths.tsx';
import { NewFile } from './new-file.tsx';
import { RowInFull } from './row-in-full.tsx';
import { choose, chosen, openSheet, problem, rowAt, sheet, toggle, undo } from './state.ts';
import { count, lastPart, plural, visible } from './words.ts';

export function Sheet({ file }: { readonly file: string }) {
  useEffect(() => {
    const leave = openSheet(file);
    document.addEventListener('keydown', onKey);
    return () => {
      leave();
      document.removeEventListener('keydown', onKey);
    };
  }, [file]);
  const state = sheet.value;
  const name = (
    <div class="title">
      <h1 dir="auto">{visible(lastPart(file))}</h1>
      <a href={linkTo('data')}>Other files</a>
    </div>
  );
  if (state === null) return name;
  return (
    <>
      {name}
      <Summary state={state} />
      <Problem error={state.problem} />
      {state.rows > 0 && (
        <>
          <div class="overview">
            <Kinds state={state} />
            {state.lengths && <Lengths lengths={state.lengths} rows={state.triplets} />}
          </div>
          <div class={chosen.value === null ? 'reading' : 'reading with-row'}>
            <Findings state={state} />
            <RowInFull />
          </div>
          <Problem error={problem.value} />
          <NewFile state={state} />
        </>
      )}
    </>
  );
}

const phases: Readonly<Record<DataState['progress']['phase'], string>> = {
  reading: 'Reading',
  checking: 'Looking at the rows',
  measuring: 'Counting tokens',
  ready: '',
};

function Summary({
  state: { progress, rows, triplets, satisfactory, format, layout },
}: {
  readonly state: DataState;
}) {
  const { phase, done, total } = progress;
  return (
    <div class="summary">
      {rows > 0 && (
        <p>
          <b>{count(rows)}</b> rows{triplets !== rows && ` with ${plural(triplets, 'judged response')}`}:{' '}
          <b>{count(triplets - satisfactory)}</b> judged, <b>{count(satisfactory)}</b> satisfactory.{' '}
          <span class="note">
            {format}, layout {layout}
          </span>
        </p>
      )}
      {phase !== 'ready' && (
        <p class="under-way note">
          <progress aria-label={phases[phase]} max={Math.max(1, total)} value={done} /> {phases[phase]}…
        </p>
      )}
    </div>
  );
}

const actions: Readonly<Record<string, DataAction>> = { d: 'drop', r: 'repair', s: 'satisfactory' };

/** d, r, s and u, arrows and Escape, where nobody types. */
function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (!isCommand(event) || target.tagName === 'SUMMARY') return;
  if (event.key === 'u') return void undo();
  const now = chosen.value;
  if (now === null) return;
  if (event.key === 'Escape') return choose(null);
  const action = actions[event.key];
  const row = rowAt(now);
  if (action === undefined || row === null) return;
  event.preventDefault();
  void toggle(row, action);
}
