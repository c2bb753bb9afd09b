// The chosen row: what was found, what can be done, its texts, what would be written of it.
import { useEffect, useRef } from 'preact/hooks';
import type { DataAction, DataRowInFull, DataText } from '../../../src/studio/api/data.ts';
import { Weight } from './kinds.tsx';
import { choose, chosen, go, inFull, rowAt, toggle } from './state.ts';
import { plural } from './words.ts';

/** Where the row is shown in place of the list; data.css has the same. */
const inPlace = matchMedia('(max-width: 59.99rem)');

export function RowInFull() {
  const box = useRef<HTMLElement>(null);
  const row = inFull.value;
  useEffect(() => {
    box.current?.scrollTo(0, 0);
    if (inPlace.matches) box.current?.scrollIntoView({ block: 'start' });
  }, [row?.at]);
  if (chosen.value === null || row === null)
    return (
      <aside class="in-full nothing">
        <p class="note">
          Choose a row: arrow keys move among them. <kbd>d</kbd> drops it, <kbd>r</kbd> repairs it,{' '}
          <kbd>s</kbd> marks it as satisfactory, <kbd>u</kbd> takes back.
        </p>
      </aside>
    );
  return (
    <aside ref={box} class="in-full" aria-labelledby="row-heading">
      <div class="row-title">
        <h2 id="row-heading">
          Row {row.row}
          {row.part !== null && ` ${row.part}`}
          {row.line !== null && row.line !== row.row && <span class="note"> line {row.line}</span>}
        </h2>
        <div class="buttons">
          <button type="button" aria-label="Row before" onClick={() => go(-1)}>
            ‹
          </button>
          <button type="button" aria-label="Row after" onClick={() => go(1)}>
            ›
          </button>
          <button type="button" class="back" onClick={() => choose(null)}>
            Close
          </button>
        </div>
      </div>
      <ul class="found">
        {row.findings.map((each, i) => (
          <li key={i} class={each.settled ? 'settled' : ''}>
            <Weight severity={each.severity} />
            <span>
              {each.title} <span class="note">({each.field || 'row'})</span>
              <span class="message" dir="auto">
                {each.message}
              </span>
              {each.settled && <b class="good">settled</b>}
            </span>
          </li>
        ))}
        {row.findings.length === 0 && <li class="note">Nothing suspicious was found in this row.</li>}
      </ul>
      <div class="buttons acts" role="group" aria-label="What to do with this row">
        <Act row={row} action="drop" name="Drop" title="Leave it out of the new file (d)" />
        <Act
          row={row}
          action="repair"
          name="Repair"
          title="Put right what can be put right without guessing (r)"
        />
        <Act
          row={row}
          action="satisfactory"
          name="Satisfactory"
          title="Nothing is wrong with the response: no judgment, no marks (s)"
        />
      </div>
      <Texts row={row} />
    </aside>
  );
}

interface ActProps {
  readonly row: DataRowInFull;
  readonly action: DataAction;
  readonly name: string;
  readonly title: string;
}

function Act({ row, action, name, title }: ActProps) {
  return (
    <button
      type="button"
      title={title}
      aria-pressed={row.decided.includes(action)}
      disabled={!row.actions.includes(action)}
      onClick={() => {
        const now = rowAt(chosen.value!);
        if (now) void toggle(now, action);
      }}
    >
      {name}
    </button>
  );
}

function Texts({ row: { texts, outcome, decided } }: { readonly row: DataRowInFull }) {
  const written = JSON.stringify(outcome) === JSON.stringify(texts) ? null : outcome;
  return (
    <>
      <dl class="texts">
        {texts.map((each) => (
          <Text key={each.name} text={each} />
        ))}
      </dl>
      {outcome === null && (
        <p class="written-as note">
          {decided.includes('drop')
            ? 'Dropped: it is not written.'
            : 'It cannot be read, so it is left out of the new file.'}
        </p>
      )}
      {written !== null && (
        <div class="written-as">
          <h3>Written as</h3>
          <dl class="texts">
            {written.map((each, i) => (
              <Text key={i} text={each} isNew={!same(each, texts)} />
            ))}
          </dl>
        </div>
      )}
    </>
  );
}

const same = (text: DataText, before: readonly DataText[]): boolean =>
  before.some((each) => JSON.stringify(each) === JSON.stringify(text));

function Text({
  text: { name, text, cut, marks },
  isNew = false,
}: {
  readonly text: DataText;
  readonly isNew?: boolean;
}) {
  return (
    <div class={isNew ? 'new' : ''}>
      <dt>
        {name}
        {isNew && <span class="unseen">, changed</span>}
      </dt>
      <dd dir="auto">
        {text === null ? <span class="note">none: satisfactory</span> : <Marked text={text} marks={marks} />}
        {cut > 0 && <span class="note"> … and {plural(cut, 'more character')}</span>}
      </dd>
    </div>
  );
}

function Marked({ text, marks }: { readonly text: string; readonly marks: DataText['marks'] }) {
  if (marks.length === 0) return <>{text}</>;
  const points = Array.from(text);
  const cuts = [...new Set([0, points.length, ...marks.flat()])]
    .filter((at) => at <= points.length)
    .sort((a, b) => a - b);
  return (
    <>
      {cuts.slice(1).map((end, i) => {
        const start = cuts[i]!;
        const piece = points.slice(start, end).join('');
        return marks.some(([from, to]) => from <= start && end <= to) ? (
          <mark key={start} class="error">
            {piece}
          </mark>
        ) : (
          piece
        );
      })}
    </>
  );
}
