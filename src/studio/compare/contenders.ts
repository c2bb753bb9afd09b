// Who can be compared: the studio's model as it is, what it learned in Chat, and the adapters of runs. Knows folders, no
// engines.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { homePaths } from '../../learning/home.ts';
import { folderDigests } from '../../runs/digests.ts';
import { baseName } from '../../serving/settings.ts';
import { ownTemplate, homeOf } from '../chat/home.ts';
import type { Contender } from '../api/compare.ts';
import { findRuns, titleOf } from '../runs/folder.ts';
import { readHead } from '../runs/glance.ts';
import type { Studio } from '../studio.ts';

export interface ContenderPlace extends Omit<Contender, 'identity'> {
  readonly model: string;
  readonly adapter: string | null;
  /** As verbs take it; null: the adapter's own, or the model's. */
  readonly template: string | null;
}

type Given = Pick<Studio, 'runs' | 'model' | 'adapter' | 'template'>;

/** Those that are there now; runs only where their model is on this machine. */
export async function findContenders(studio: Given): Promise<ContenderPlace[]> {
  const { model } = studio;
  const found: ContenderPlace[] = model === null ? [] : [...(await ofModel({ ...studio, model }))];
  const known = new Set(model === null ? [] : [resolve(model)]);
  for (const name of await findRuns(studio.runs)) {
    const dir = join(studio.runs, name);
    const head = await readHead(dir, name).catch(() => null);
    const base = head?.record?.settings['model'];
    const adapter = join(dir, 'adapter');
    // What Chat learned is there as a version.
    if (/(?:^|\/)studio\/[^/]+\/trainings\//.test(name)) continue;
    if (typeof base !== 'string' || !existsSync(join(adapter, 'adapter_config.json'))) continue;
    if (!existsSync(join(base, 'config.json'))) continue;
    if (!known.has(resolve(base))) {
      known.add(resolve(base));
      const template = head?.record?.settings['template'];
      found.push({
        ...{
          id: `base:${name}`,
          title: baseName(base),
          note: 'the model as it is',
          model: base,
          adapter: null,
        },
        template: typeof template === 'string' ? template : ownTemplate(base),
      });
    }
    const title = titleOf(studio.runs, name);
    found.push({ id: `run:${name}`, title, note: 'a run', model: base, adapter, template: null });
  }
  return found;
}

async function ofModel(studio: Given & { readonly model: string }): Promise<ContenderPlace[]> {
  const { model, adapter } = studio;
  const home = homeOf(studio);
  const versions = (await readdir(join(home, 'versions')).catch(() => []))
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const template = studio.template ?? ownTemplate(model);
  return [
    { id: 'model', title: baseName(model), note: 'the model as it is', model, adapter: null, template },
    ...(adapter === null
      ? []
      : [
          {
            id: 'adapter',
            title: 'The given adapter',
            note: adapter,
            model,
            adapter,
            template: studio.template,
          },
        ]),
    ...versions.map((version) => ({
      ...{ id: `version:${version}`, title: `Version ${version}`, note: 'learned in Chat', model },
      ...{ adapter: homePaths.version(home, version), template: null },
    })),
  ];
}

/**
 * Names what a place holds: changes with the files of the model and of the adapter. Votes are about what was asked, not
 * about what carries its name now.
 */
export function createIdentities(): (place: ContenderPlace) => Promise<string> {
  const known = new Map<string, Promise<string>>();
  return async ({ model, adapter }) => {
    // A run that is trained anew writes its adapter anew.
    const weights = await stat(
      join(adapter ?? model, adapter === null ? 'config.json' : 'adapter_model.safetensors'),
    );
    const key = JSON.stringify([model, adapter, weights.mtimeMs, weights.size]);
    const found = known.get(key) ?? identityOf(model, adapter);
    known.set(key, found);
    return found;
  };
}

async function identityOf(model: string, adapter: string | null): Promise<string> {
  const digests = [await folderDigests(model), adapter === null ? null : await folderDigests(adapter)];
  return createHash('sha256').update(JSON.stringify(digests)).digest('hex').slice(0, 16);
}
