// --model as a model of the hub: fetched, with a progress line, before the verb runs, which then gets a folder.
import type { HubProgress, ModelFolder } from '../hub/index.ts';
import type { Setting } from '../options/kinds.ts';
import type { Given } from './flags.ts';
import type { Standing } from './progress.ts';
import type { Screen, VerbContext } from './screen.ts';

/** The verb's work, with the folder of its model where that is a name on the hub. */
export const withModelFolder =
  <T extends { readonly model: Setting }>(
    run: (given: Given<T>, context: VerbContext) => Promise<number>,
  ): ((given: Given<T>, context: VerbContext) => Promise<number>) =>
  async (given, context) => {
    const { model } = given.values as { readonly model?: string | null };
    const { path, hub } = model == null ? { hub: null } : await fetchModel(model, context.screen);
    if (hub === null) return run(given, context);
    return run({ given: { ...given.given, model: path }, values: { ...given.values, model: path } }, context);
  };

/** The folder of a model, with a line of what is being downloaded and which commit it is. */
async function fetchModel(nameOrPath: string, screen: Screen): Promise<ModelFolder> {
  const { describePlan, modelFolder } = await import('../hub/index.ts');
  const found = await modelFolder(nameOrPath, {
    onProgress: (progress) => screen.progress(downloadStanding(progress)),
    onPlan: (plan) => screen.tell('download', plan, describePlan(plan)),
  }).finally(() => screen.endProgress());
  if (found.hub) {
    const { id, commit } = found.hub;
    screen.tell('model', { id, commit }, `model ${id}, commit ${commit}`);
  }
  return found;
}

/** How far the download of a file is. */
export const downloadStanding = ({ file, received, total }: HubProgress): Standing => ({
  what: 'downloading',
  done: received,
  total,
  unit: 'bytes',
  details: [file],
  fields: { file },
});
