// What stands where a model folder is expected: a path, or a model of the hub. For the edges; all else takes a path.
import { readdir, stat } from 'node:fs/promises';
import { suggestion } from '../options/suggest.ts';
import { WhetstoneError, briefly } from '../errors.ts';
import type { HubOptions } from './resolve.ts';
import { resolveHub } from './resolve.ts';

export interface ModelFolder {
  /** A Hugging Face model folder. */
  readonly path: string;
  /** Where it came from; null for a path. */
  readonly hub: { readonly id: string; readonly revision: string; readonly commit: string } | null;
}

/** Everything of a model that is read here: configuration, tokenizer, weights as safetensors, its card for the licence. */
const patterns: readonly string[] = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'model.safetensors',
  'model.safetensors.index.json',
  'model-*.safetensors',
  'README.md',
];

/**
 * The folder of a model: `nameOrPath` itself where that exists or cannot be the name of a model (`ORG/NAME`, or
 * `ORG/NAME@REVISION`); otherwise the hub's model of that name, downloaded into the standard cache if it is not there.
 * Where a folder ORG is here, ORG/NAME is a path in it, and the hub is not asked; `hub:ORG/NAME` is the hub's always.
 *
 * Throws as `resolveHub` does, and WhetstoneError `HUB_NO_WEIGHTS` for a model without safetensors, `NO_MODEL` for one
 * that is not in the folder that is here.
 */
export async function modelFolder(nameOrPath: string, options: HubOptions = {}): Promise<ModelFolder> {
  const [, hub, id, revision = 'main'] =
    /^(hub:)?([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(.+))?$/.exec(nameOrPath) ?? [];
  if (id === undefined) {
    if (nameOrPath.startsWith('hub:') && !(await exists(nameOrPath)))
      throw new WhetstoneError(
        'NO_MODEL',
        `expected hub:ORG/NAME, or hub:ORG/NAME@REVISION; found "${nameOrPath}"`,
      );
    return { path: nameOrPath, hub: null };
  }
  if (hub === undefined) {
    if (await exists(nameOrPath)) return { path: nameOrPath, hub: null };
    await refuseMistyped(id, nameOrPath);
  }
  try {
    const { path, commit, files, from } = await resolveHub(
      { kind: 'model', id, revision, files: ['config.json'], patterns },
      options,
    );
    if (!files.some((file) => file.endsWith('.safetensors'))) {
      if (from === 'cache') {
        throw new WhetstoneError(
          'HUB_OFFLINE',
          `the cache has no weights of the model ${id} at ${revision}`,
          {
            file: path,
            hint: 'They have to be downloaded, and the hub was not asked or gave no answer.',
          },
        );
      }
      throw new WhetstoneError('HUB_NO_WEIGHTS', `the model ${id} has no weights as safetensors`, {
        hint: 'Choose another revision, or convert it with transformers: save_pretrained writes safetensors.',
      });
    }
    return { path, hub: { id, revision, commit } };
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    const { code, hint, problems } = error;
    const said =
      hub === undefined
        ? `no folder ${nameOrPath} is here, and as a model of the hub: ${briefly(error)}`
        : briefly(error);
    throw new WhetstoneError(code, said, { problems, cause: error, ...(hint !== undefined && { hint }) });
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Throws `NO_MODEL` where the first part of a name is a folder that is here: a path was meant. */
async function refuseMistyped(id: string, path: string): Promise<void> {
  const [folder, name] = id.split('/') as [string, string];
  const there = await readdir(folder).catch(() => null);
  if (there === null) return;
  throw new WhetstoneError('NO_MODEL', `there is no such folder${suggestion(name, there, `${folder}/`)}`, {
    file: path,
    hint: `The folder ${folder} is here, so that this is a path, and the hub is not asked. Its model of that name is hub:${path}.`,
  });
}
