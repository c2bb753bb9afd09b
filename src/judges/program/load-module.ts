// Imports a JavaScript or TypeScript file of the user's. Knows what Node can import by itself; not what is in it.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WhetstoneError } from '../../errors.ts';

/**
 * The exports of a module. TypeScript is imported by Node itself where it can, else by jiti, which strips the types
 * and checks none. Throws WhetstoneError `FILE_NOT_FOUND`, and `JUDGE_FAILED` for a module that does not load.
 */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path);
  if (!(await stat(file).catch(() => null))?.isFile()) {
    throw new WhetstoneError('FILE_NOT_FOUND', 'no such file', { file: path, hint: 'Check the path.' });
  }
  try {
    return await (/\.m?ts$/i.test(file) ? loadTypeScript(file) : load(file));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WhetstoneError('JUDGE_FAILED', `the module does not load: ${why}`, {
      file: path,
      cause,
      hint: 'Import it with Node to see where: node --input-type=module -e "await import(\'FILE\')".',
    });
  }
}

const load = (file: string): Promise<Record<string, unknown>> =>
  import(pathToFileURL(file).href) as Promise<Record<string, unknown>>;

async function loadTypeScript(file: string): Promise<Record<string, unknown>> {
  // Node strips types from 22.18 on, but has no enums and the like.
  const features = process.features as { readonly typescript?: unknown };
  if (features.typescript) {
    try {
      return await load(file);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    }
  }
  const { createJiti } = await import('jiti');
  const jiti = createJiti(pathToFileURL(file).href, {
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
  });
  return jiti.import(pathToFileURL(file).href);
}
