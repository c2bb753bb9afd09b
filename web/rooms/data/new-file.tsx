// What is written, and where: a new file, never the one that was opened.
import { useSignal } from '@preact/signals';
import type { DataState } from '../../../src/studio/api/data.ts';
import { linkTo } from '../../shell/route.ts';
import { write } from './state.ts';
import { count, plural, visible } from './words.ts';

export function NewFile({ state }: { readonly state: DataState }) {
  const typed = useSignal<string | null>(null);
  const { kept, decided, views, written, out, progress } = state;
  const isReading = progress.phase === 'reading' || progress.phase === 'checking';
  const name = typed.value ?? out;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await write(name)) typed.value = null;
  };
  const done = [
    decided.drop > 0 && `${count(decided.drop)} dropped`,
    decided.repair > 0 && `${count(decided.repair)} repaired`,
    decided.satisfactory > 0 && `${count(decided.satisfactory)} marked as satisfactory`,
  ].filter((each) => each !== false);
  return (
    <section class="new-file" aria-labelledby="new-file-heading">
      <h2 id="new-file-heading">A new file</h2>
      <p>
        <b>{plural(kept, 'row')}</b> would be written
        {done.length > 0 ? `: ${done.join(', ')}` : ', as they are'}.{' '}
        {views.left > 0 ? (
          <span class="bad">Errors are left in {plural(views.left, 'row')}, which training refuses.</span>
        ) : (
          !isReading && <span class="good">No error is left.</span>
        )}
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label for="data-out">Name of the new file</label>
        <div>
          <input
            id="data-out"
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={name}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
          <button type="submit" class="strong" disabled={isReading || kept === 0}>
            Write
          </button>
        </div>
      </form>
      {written !== null && (
        <p role="status" class="written">
          <span class="kept">Written.</span> {plural(written.rows, 'row')} in{' '}
          <bdi>{visible(written.file)}</bdi>
          {written.leftOut > 0 &&
            `; ${plural(written.leftOut, 'row')} that cannot be read left out, the reasons are beside it`}
          . <a href={linkTo('data', written.file)}>Open it</a>
        </p>
      )}
      <p class="note">
        The file that was opened stays as it is. Rows are written as instruction, input, output (or messages),
        judgment, score, revision, id and errors; columns that training does not read are left out.
      </p>
    </section>
  );
}
