// Where the Chat room keeps a model's home, and how the model is asked where nobody says. Knows folders alone.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { adapterName, baseName } from '../../serving/settings.ts';
import type { Studio } from '../studio.ts';

type Named = Pick<Studio, 'adapter'> & { readonly model: string };

/** What the page calls the model. */
export const nameOf = ({ model, adapter }: Named): string =>
  adapter === null ? baseName(model) : `${baseName(model)}+${adapterName({ name: null, dir: adapter })}`;

export const homeOf = (studio: Named & Pick<Studio, 'runs'>): string =>
  join(resolve(studio.runs), 'studio', nameOf(studio));

/** The template that lies beside the model's weights, as the world's models have one; null where there is none. */
export function ownTemplate(model: string): string | null {
  const file = join(model, 'template.json');
  return existsSync(file) ? file : null;
}
