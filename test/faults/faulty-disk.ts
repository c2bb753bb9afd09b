// A disk that fails: from some moment on, Node's functions that change files under a folder answer as the operating
// system does when it has no space, no permission or no descriptors left. Knows no verb.
import * as fs from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/** One call that changes what is on the disk. */
export interface Change {
  readonly call: string;
  /** What it is about; the second path where there are two. */
  readonly path: string;
}

/** From the change `from` on, counted from 0: changes that the code would keep from happening fail, or something else is done. */
export type Fault = { readonly from: number } & (
  | { readonly code: string }
  | {
      /** Called once, before that change. */
      readonly act: () => void;
    }
);

const making = ['open', 'mkdir', 'mkdtemp', 'writeFile', 'appendFile', 'copyFile', 'cp', 'link', 'symlink'];
const writing = ['write', 'sync', 'datasync', 'truncate'];
const moving = ['rename', 'rm', 'rmdir'];

/** Which calls a code comes from. */
const failing: Readonly<Record<string, readonly string[]>> = {
  ENOSPC: [...making, ...writing],
  EDQUOT: [...making, ...writing],
  EFBIG: ['write', 'writeFile', 'appendFile', 'copyFile', 'cp'],
  EIO: [...making, ...writing, ...moving],
  EACCES: [...making, ...moving],
  EPERM: [...making, ...moving],
  EROFS: [...making, ...writing, ...moving],
  EMFILE: ['open', 'writeFile', 'appendFile', 'copyFile', 'cp'],
};

/** Codes that leave it possible to remove what was begun. */
export const leavesRemoving = (code: string): boolean => !failing[code]!.includes('rm');

export const codesOf = (call: string): string[] =>
  Object.keys(failing).filter((code) => failing[code]!.includes(call));

type AnyFunction = (...args: unknown[]) => Promise<unknown>;

/** Runs `work` while every change under `root` is counted and, with a fault, fails. Returns the changes that were tried. */
export async function onFaultyDisk(
  root: string,
  fault: Fault | null,
  work: () => Promise<void>,
): Promise<Change[]> {
  const module = createRequire(import.meta.url)('node:fs/promises') as Record<string, AnyFunction>;
  const probe = await fs.open(process.execPath);
  const handles = Object.getPrototypeOf(probe) as Record<string, AnyFunction>;
  await probe.close();
  const changes: Change[] = [];
  const paths = new WeakMap<object, string>();
  const originals: [Record<string, AnyFunction>, string, AnyFunction][] = [];

  const meet = (call: string, path: string, paths: { path?: string; dest?: string }): void => {
    if (!path.startsWith(root + sep) && path !== root) return;
    const at = changes.push({ call, path }) - 1;
    if (fault === null || at < fault.from) return;
    if ('act' in fault) return at === fault.from ? fault.act() : undefined;
    if (!failing[fault.code]!.includes(call)) return;
    throw Object.assign(new Error(`${fault.code}: raw words of the system, ${call} '${path}'`), {
      code: fault.code,
      errno: -1,
      syscall: call,
      ...paths,
    });
  };
  const patch = (
    owner: Record<string, AnyFunction>,
    name: string,
    wrapped: (original: AnyFunction) => AnyFunction,
  ) => {
    const original = owner[name]!;
    originals.push([owner, name, original]);
    owner[name] = wrapped(original);
  };

  for (const name of ['mkdir', 'mkdtemp', 'rm', 'rmdir', 'truncate']) {
    patch(module, name, (original) => async (path, ...rest) => {
      meet(name, resolve(String(path)), { path: String(path) });
      return original(path, ...rest);
    });
  }
  for (const name of ['writeFile', 'appendFile']) {
    patch(module, name, (original) => async (path, ...rest) => {
      if (typeof path === 'string') meet(name, resolve(path), { path });
      return original(path, ...rest);
    });
  }
  for (const name of ['rename', 'copyFile', 'cp', 'link', 'symlink']) {
    patch(module, name, (original) => async (from, to, ...rest) => {
      meet(name, resolve(String(to)), { path: String(from), dest: String(to) });
      return original(from, to, ...rest);
    });
  }
  patch(module, 'open', (original) => async (path, flags = 'r', ...rest) => {
    if (flags !== 'r') meet('open', resolve(String(path)), { path: String(path) });
    const handle = await original(path, flags, ...rest);
    if (flags !== 'r') paths.set(handle as object, resolve(String(path)));
    return handle;
  });
  for (const name of ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate']) {
    patch(
      handles,
      name,
      (original) =>
        async function (this: object, ...args) {
          const path = paths.get(this);
          const call = name === 'writeFile' || name === 'appendFile' ? 'write' : name;
          // The system knows a descriptor only.
          if (path !== undefined) meet(call, path, {});
          return original.apply(this, args);
        },
    );
  }
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const [owner, name, original] of originals) owner[name] = original;
    syncBuiltinESMExports();
  }
  return changes;
}
