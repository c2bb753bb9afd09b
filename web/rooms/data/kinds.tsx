// What was found, by kind; each shows the rows that have it.
import type { DataState, Severity } from '../../../src/studio/api/data.ts';
import { show, view } from './state.ts';
import { count } from './words.ts';

/** Beside the colour a shape, so that colour alone says nothing. */
const shapes: Readonly<Record<Severity, string>> = { error: '✕', warning: '▲', note: '•' };

export function Weight({ severity }: { readonly severity: Severity }) {
  return (
    <span class={`weight ${severity}`}>
      <span aria-hidden="true">{shapes[severity]}</span>
      <span class="unseen">{severity}: </span>
    </span>
  );
}

export function Kinds({ state: { views, kinds, progress } }: { readonly state: DataState }) {
  return (
    <section class="kinds" aria-labelledby="kinds-heading">
      <h2 id="kinds-heading">Found</h2>
      <ul>
        <Kind name="all" title="All rows" rows={views.all} />
        <Kind name="found" title="Rows with findings" rows={views.found} />
        {views.left > 0 && <Kind name="left" title="Rows with errors left" rows={views.left} />}
        {views.decided > 0 && <Kind name="decided" title="Rows decided about" rows={views.decided} />}
        {kinds.map((each) => (
          <Kind
            key={each.code}
            name={each.code}
            title={each.title}
            rows={each.rows}
            severity={each.severity}
          />
        ))}
      </ul>
      {kinds.length === 0 && progress.phase === 'ready' && <p class="note">Nothing suspicious was found.</p>}
    </section>
  );
}

interface KindProps {
  readonly name: string;
  readonly title: string;
  readonly rows: number;
  readonly severity?: Severity;
}

function Kind({ name, title, rows, severity }: KindProps) {
  return (
    <li class={severity === undefined ? 'whole' : ''}>
      <button type="button" aria-pressed={view.value === name} onClick={() => show(name)}>
        {severity && <Weight severity={severity} />}
        <span class="kind">{title}</span>
        <span class="number">{count(rows)}</span>
      </button>
    </li>
  );
}
