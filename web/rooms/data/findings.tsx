// The rows with what was found in them: as many in the page as are in sight, whatever their number. Knows where one has
// scrolled to; the rows come from the studio.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { DataAction, DataRow, DataState } from '../../../src/studio/api/data.ts';
import { Weight } from './kinds.tsx';
import { choose, chosen, decideAll, look, rowAt, total, undo, view } from './state.ts';
import { windowOf } from './window.ts';
import { plural } from './words.ts';

const narrow = matchMedia('(max-width: 40rem)');
/** Pixels; data.css has the same. */
const rowHeight = (): number => (narrow.matches ? 96 : 60);

export function Findings({ state }: { readonly state: DataState }) {
  const box = useRef<HTMLDivElement>(null);
  const scrolled = useSignal(0);
  const height = useSignal(600);
  useLayoutEffect(() => {
    const measure = (): void => void (height.value = box.current!.clientHeight);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => box.current!.scrollTo(0, 0), [view.value]);
  const shown = windowOf({
    ...{ scrolled: scrolled.value, height: height.value, rowHeight: rowHeight(), total: total.value },
  });
  useEffect(() => look(shown.from, Math.max(shown.to, shown.from + 1)), [shown.from, shown.to, view.value]);
  const caret = chosen.value;
  const last = useRef<number | null>(null);
  useEffect(() => {
    // A phone shows the row in place of the list, which comes back where it was.
    const at = caret ?? last.current;
    last.current = caret;
    if (at !== null) bring(box.current!, at);
  }, [caret]);

  const places = Array.from({ length: shown.to - shown.from }, (_, i) => shown.from + i);
  // The chosen row keeps the focus wherever one has scrolled to.
  if (caret !== null && caret < total.value && !places.includes(caret)) places.push(caret);
  return (
    <section class="rows" aria-labelledby="rows-heading">
      <div class="rows-title">
        <h2 id="rows-heading">{titleOf(state)}</h2>
        <div class="buttons">
          <All action="drop" />
          {view.value !== 'all' && <All action="repair" />}
          {view.value !== 'all' && <All action="satisfactory" />}
          <button type="button" title="Take back what was decided last (u)" onClick={() => void undo()}>
            Undo
          </button>
        </div>
      </div>
      <div
        class="table"
        role="table"
        aria-label="Findings"
        aria-rowcount={total.value + 1}
        onKeyDown={(event) => onKeyDown(event, box.current!)}
      >
        <div role="rowgroup" class="head">
          <div role="row" aria-rowindex={1}>
            <span role="columnheader">Row</span>
            <span role="columnheader">Finding</span>
            <span role="columnheader">Text</span>
            <span role="columnheader">Decided</span>
          </div>
        </div>
        <div
          ref={box}
          role="rowgroup"
          class="body"
          onScroll={() => (scrolled.value = box.current!.scrollTop)}
        >
          <div role="presentation" class="whole" style={{ height: `${shown.height}px` }}>
            {places.map((i) => (
              <Row
                key={i}
                i={i}
                top={shown.topOf(i)}
                row={rowAt(i)}
                isChosen={i === caret}
                isFirst={caret === null && i === shown.from}
              />
            ))}
          </div>
        </div>
      </div>
    </section>
  );
}

function titleOf({ kinds }: DataState): string {
  const names: Readonly<Record<string, string>> = {
    ...{
      all: 'All rows',
      found: 'Rows with findings',
      left: 'Rows with errors left',
      decided: 'Rows decided about',
    },
  };
  const { title } = kinds.find(({ code }) => code === view.value) ?? {
    title: names[view.value] ?? view.value,
  };
  return `${title.slice(0, 1).toUpperCase()}${title.slice(1)}`;
}

const verbs: Readonly<Record<DataAction, string>> = {
  drop: 'Drop all',
  repair: 'Repair all',
  satisfactory: 'All satisfactory',
};

function All({ action }: { readonly action: DataAction }) {
  if (total.value === 0) return null;
  return (
    <button
      type="button"
      title={`Of the ${plural(total.value, 'row')} of this list, all to which it applies; Undo takes it back`}
      onClick={() => void decideAll(action)}
    >
      {verbs[action]}
    </button>
  );
}

interface RowProps {
  readonly i: number;
  readonly top: number;
  readonly row: DataRow | null;
  readonly isChosen: boolean;
  /** Whether the tab key comes to it, where none is chosen. */
  readonly isFirst: boolean;
}

const decisions: Readonly<Record<DataAction, string>> = {
  drop: 'dropped',
  repair: 'repaired',
  satisfactory: 'satisfactory',
};

function Row({ i, top, row, isChosen, isFirst }: RowProps) {
  const isDropped = row?.decided.includes('drop') ?? false;
  return (
    <div
      role="row"
      aria-rowindex={i + 2}
      class={isDropped ? 'row dropped' : 'row'}
      aria-current={isChosen ? 'true' : undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => {
        if (row === null) return;
        event.currentTarget.querySelector('button')?.focus({ preventScroll: true });
        choose(i);
      }}
    >
      <span role="cell" class="place">
        {row && (
          <button type="button" data-i={i} tabIndex={isChosen || isFirst ? 0 : -1}>
            <span class="unseen">Row </span>
            {row.row}
          </button>
        )}
      </span>
      <span role="cell" class="what">
        {row === null ? '…' : <What row={row} />}
      </span>
      <span role="cell" class="text">
        <span dir="auto">{row?.instruction}</span>
        <span dir="auto" class="note">
          {row?.response}
        </span>
      </span>
      <span role="cell" class="decided">
        {row?.decided.map((action) => (
          <span key={action} class={`outcome ${action}`}>
            {decisions[action]}
          </span>
        ))}
      </span>
    </div>
  );
}

/** The finding that weighs most, and how many others there are. */
function What({ row: { findings } }: { readonly row: DataRow }) {
  const [first] = [...findings].sort((a, b) => weights.indexOf(a.severity) - weights.indexOf(b.severity));
  if (first === undefined) return <span class="note">nothing found</span>;
  const others = findings.length - 1;
  const isSettled = findings.every(({ settled }) => settled);
  return (
    <>
      <span class={isSettled ? 'settled' : ''}>
        <Weight severity={first.severity} />
        {first.title}
      </span>
      {others > 0 && <span class="note"> and {others} more</span>}
    </>
  );
}

const weights = ['error', 'warning', 'note'];

function onKeyDown(event: KeyboardEvent, box: HTMLElement): void {
  if (event.ctrlKey || event.altKey || event.metaKey || total.value === 0) return;
  const now = chosen.value ?? -1;
  const page = Math.max(1, Math.floor(box.clientHeight / rowHeight()) - 1);
  const last = total.value - 1;
  const to = (
    {
      ArrowDown: now + 1,
      ArrowUp: now - 1,
      PageDown: now + page,
      PageUp: now - page,
      Home: 0,
      End: last,
    } as Readonly<Record<string, number>>
  )[event.key];
  if (to === undefined) return;
  event.preventDefault();
  focusRow(box, Math.max(0, Math.min(last, to)));
}

/** Chooses a row, and gives it the focus as soon as it is in the page. */
function focusRow(box: HTMLElement, i: number): void {
  bring(box, i);
  choose(i);
  const give = (left: number): void => {
    const button = box.querySelector<HTMLElement>(`[data-i="${i}"]`);
    if (button) button.focus({ preventScroll: true });
    else if (left > 0 && chosen.value === i) setTimeout(() => give(left - 1), 50);
  };
  requestAnimationFrame(() => give(100));
}

/** Scrolls no further than it takes. */
function bring(box: HTMLElement, i: number): void {
  const { scrolledTo } = windowOf({
    ...{ scrolled: box.scrollTop, height: box.clientHeight, rowHeight: rowHeight(), total: total.value },
  });
  const to = scrolledTo(i);
  if (to !== null) box.scrollTop = to;
}
