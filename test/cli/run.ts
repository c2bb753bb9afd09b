// Reading what a run left behind.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The metrics of a run with the one field that a repeated run changes taken out. */
export async function metricsOf(run: string): Promise<Record<string, number>[]> {
  const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { tokens_per_second, ...rest } = JSON.parse(line) as Record<string, number>;
      if (!(tokens_per_second! > 0)) throw new Error('tokens_per_second is not positive');
      return rest;
    });
}

/** Every file of the adapter with its bytes in hex, but its card, which names the run by its folder. */
export async function adapterOf(run: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(join(run, 'adapter'))).sort()) {
    if (name === 'README.md') continue;
    files[name] = (await readFile(join(run, 'adapter', name))).toString('hex');
  }
  return files;
}
