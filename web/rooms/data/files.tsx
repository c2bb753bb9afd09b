// Which file to look at: those that lie about, or one by its path.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { DataFiles } from '../../../src/studio/api/data.ts';
import { getJson } from '../../shell/api.ts';
import { Problem } from '../../shell/problem.tsx';
import { linkTo } from '../../shell/route.ts';
import { bytes, lastPart, visible } from './words.ts';

export function Files() {
  const [found, setFound] = useState<DataFiles | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const path = useSignal('');
  useEffect(() => {
    getJson<DataFiles>('/api/data/files').then(setFound, setProblem);
  }, []);
  const open = (event: Event): void => {
    event.preventDefault();
    if (path.value.trim() !== '') location.hash = linkTo('data', path.value.trim());
  };
  return (
    <section class="files" aria-labelledby="data-heading">
      <h1 id="data-heading">Data</h1>
      <p class="lead">
        See what is suspicious in a file of judged responses, row by row. Drop rows, repair what can be
        repaired without guessing, mark responses as satisfactory; then write a new file. The old one is never
        touched.
      </p>
      <Problem error={problem} />
      {(found === null || found.any) && (
        <form class="open" onSubmit={open}>
          <label for="data-file">A file on this machine</label>
          <div>
            <input
              id="data-file"
              type="text"
              placeholder="/home/me/judged.jsonl"
              autocomplete="off"
              spellcheck={false}
              value={path.value}
              onInput={(event) => (path.value = event.currentTarget.value)}
            />
            <button type="submit" class="strong">
              Open
            </button>
          </div>
          <p class="note">JSON, JSONL, CSV, TSV or Parquet, in any layout that “data check” knows.</p>
        </form>
      )}
      {found !== null && found.files.length > 0 && (
        <>
          <h2 id="files-heading">Found here</h2>
          <ul aria-labelledby="files-heading">
            {found.files.map((each) => (
              <li key={each.file}>
                <a href={linkTo('data', each.file)}>
                  <bdi class="name">{visible(lastPart(each.file))}</bdi>
                  <bdi class="note folder">{visible(folderOf(each.file, found.folders))}</bdi>
                  <span class="note size">{bytes(each.bytes)}</span>
                  <time class="note" dateTime={each.modified}>
                    {new Date(each.modified).toLocaleDateString([], { dateStyle: 'medium' })}
                  </time>
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
      {found !== null && found.files.length === 0 && (
        <p class="note">
          No file of judged rows lies in <code>{found.folders.map(visible).join(', ')}</code>. The Chat room
          makes one: judge answers and press Learn.
        </p>
      )}
    </section>
  );
}

/** The folder of a file, from the one that was searched on. */
function folderOf(file: string, folders: readonly string[]): string {
  const folder = file.slice(0, -lastPart(file).length).replace(/[/\\]$/, '');
  const base = folders.find(
    (each) => folder === each || folder.startsWith(`${each}/`) || folder.startsWith(`${each}\\`),
  );
  return base === undefined ? folder : lastPart(base) + folder.slice(base.length);
}
