// The Data room: which file, and what is in it.
import { useEffect } from 'preact/hooks';
import './data.css';
import { Files } from './files.tsx';
import { Sheet } from './sheet.tsx';
import { announcement } from './state.ts';

export function Data({ path: [file] }: { readonly path: readonly string[] }) {
  useEffect(() => void (announcement.value = ''), [file]);
  return (
    <div class="data">
      {file === undefined ? <Files /> : <Sheet key={file} file={file} />}
      <p class="unseen" aria-live="polite">
        {announcement.value}
      </p>
    </div>
  );
}
