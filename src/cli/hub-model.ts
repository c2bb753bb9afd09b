// --model as a model of the hub: fetched, with a progress line, before the verb runs, which then gets a folder.
import type { HubProgress, ModelFolder } from '../hub/index.ts';
import type { Setting } from '../options/kinds.ts';
import type { Given } from './flags.ts';
import { createLine } from './progress.ts';
import type { Output } from './terminal.ts';
import { colorsFor, printable } from './terminal.ts';

/** Runs a verb, with the folder of its model where that is a name on the hub; what is fetched is told on stderr. */
export async function withModelFolder<
  T extends { readonly model: Setting },
  C extends { readonly stderr: Output },
>(given: Given<T>, context: C, run: (given: Given<T>, context: C) => Promise<number>): Promise<number> {
  const { model } = given.values as { readonly model?: string };
  const { path, hub } = model === undefined ? { hub: null } : await fetchModel(model, context.stderr);
  if (hub === null) return run(given, context);
  return run({ given: { ...given.given, model: path }, values: { ...given.values, model: path } }, context);
}

/** The folder of a model, with a line of what is being downloaded and which commit it is. */
export async function fetchModel(nameOrPath: string, stderr: Output): Promise<ModelFolder> {
  const { modelFolder } = await import('../hub/index.ts');
  const downloads = createDownloadLine(stderr);
  try {
    const found = await modelFolder(nameOrPath, { onProgress: downloads.show });
    downloads.end();
    const { dim } = colorsFor(stderr);
    if (found.hub) stderr.write(dim(`model ${found.hub.id}, commit ${found.hub.commit}`) + '\n');
    return found;
  } finally {
    downloads.end();
  }
}

/** A line of what is being downloaded; it is not there before there is something to show. */
export function createDownloadLine(stderr: Output): {
  show(this: void, progress: HubProgress): void;
  end(this: void): void;
} {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  let line: ReturnType<typeof createLine> | undefined;
  return {
    show: ({ file, received, total }) => {
      line ??= createLine({ output: stderr });
      const of = total === null ? '' : ` of ${mb(total)}`;
      line.show([`downloading ${mb(received)}${of} MB`, printable(file)], received === total);
    },
    end: () => {
      line?.end();
      line = undefined;
    },
  };
}
