// How to go on: lines to copy, each for a program.
import type { UseEntry } from './data.ts';
import { markup } from './markup.ts';
import type { Section } from './parts.ts';

export function useSection(entries: readonly UseEntry[] = []): Section | null {
  if (entries.length === 0) return null;
  const body = markup`${entries.map(
    ({ title, text, blocks }, i) =>
      markup`<details class="use"${i === 0 && markup` open`}><summary>${title}</summary>${text && markup`<p>${text}</p>`}${blocks.map(
        ({ file, code }) =>
          markup`${file && markup`<h4>${file}</h4>`}<pre tabindex="0" aria-label="${file ?? `Lines for ${title}`}"><code>${code}</code></pre>`,
      )}</details>
`,
  )}`;
  return { id: 'use', title: 'Use it', body };
}
