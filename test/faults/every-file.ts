// What a verb is held to on a disk that fails at the files that it writes: what it says, what it leaves, and that it goes
// on. FAULTS=all tries every kind of change of every file; otherwise verbs that take long are tried with some of them.
// Knows no verb.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import type { Context } from '../../src/cli/program.ts';
import { readable } from '../../src/cli/terminal.ts';
import { labVerbs } from '../../lab/cli/verbs.ts';
import { withoutTemporary } from '../../src/words/system-errors.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { codesOf, leavesRemoving, onFaultyDisk } from './faulty-disk.ts';
import type { Change, Fault } from './faulty-disk.ts';

const dir = mkdtempSync(join(tmpdir(), 'whetstone-faults-'));
/** A path beside the disks that fail. */
export const given = (name: string): string => join(dir, name);
beforeAll(async () => {
  await writeTinyModel(given('model'));
  await writeJsonl(given('rows.jsonl'), judgedRows(4));
  await writeJsonl(
    given('tasks.jsonl'),
    judgedRows(8).map(({ instruction }) => ({ instruction })),
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The tiny model, computed with on one thread. */
export const model = (): string[] => ['--model', given('model'), '--threads', '1'];

export interface Verb {
  /** The command line; what it writes goes to `out`, or elsewhere on the disk `root`. */
  readonly args?: (out: string, root: string) => string[];
  /** In place of a command line. */
  readonly work?: (out: string) => Promise<void>;
  /** Default is the stand-in engine, which computes nothing. */
  readonly engine?: 'real';
  /** What makes it go on, beside the command line; left out where the same command does. */
  readonly resume?: string;
  /** It cannot be gone on with, and is begun anew in another place. */
  readonly anew?: true;
  /** Its exit code where all is well; default 0. */
  readonly code?: number;
  /** Files that a repeated command writes anew with other bytes: times and dates. */
  readonly varies?: RegExp;
  /** Prepares `root`: what is there then may not be lost. */
  readonly before?: (root: string) => Promise<void> | void;
  /** Variables of the environment, undefined for none. */
  readonly env?: (root: string) => Readonly<Record<string, string | undefined>>;
  /** Takes long: only files of such paths below the disk's root are tried where FAULTS does not ask for all, and of many every second or third, a change each. */
  readonly sampled?: RegExp;
}

export type Work = readonly string[] | (() => Promise<void>);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly changes: readonly Change[];
}

/** Runs a command line, or other work, in this process, on a disk that fails under `root`. */
export async function run(
  work: Work,
  root: string,
  { engine, env }: Pick<Verb, 'engine' | 'env'> = {},
  fault: Fault | null = null,
): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const context = {
    ...(engine !== 'real' && { openEngine: openFakeEngine() }),
    stdout: { write: (text: string) => void (said.stdout += text) },
    stderr: { write: (text: string) => void (said.stderr += text) },
  };
  const restore = setEnvironment(env?.(root) ?? {});
  let code = -1;
  try {
    const changes = await onFaultyDisk(root, fault, async () => {
      code = typeof work === 'function' ? await codeOf(work, context) : await main(work, context, labVerbs());
    });
    return { code, ...said, changes };
  } finally {
    restore();
  }
}

const codeOf = (work: () => Promise<void>, { stderr }: Pick<Context, 'stderr'>): Promise<number> =>
  work().then(
    () => 0,
    (error: unknown) => {
      stderr.write(`error ${readable((error as Error).message)}\n`);
      return 1;
    },
  );

function setEnvironment(values: Readonly<Record<string, string | undefined>>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  const set = (entries: readonly (readonly [string, string | undefined])[]): void => {
    for (const [name, value] of entries) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(Object.entries(values));
  return () => set(before);
}

/** A test of each verb. */
export const itKeeps = (verbs: Readonly<Record<string, Verb>>): void =>
  it.each(Object.keys(verbs))('%s', { timeout: 300_000 }, (name) => expectKept(verbs[name]!));

/** Where a verb on the disk `root` writes. */
export const outOf = (root: string): string => join(root, 'out.jsonl');

/** What a verb does on the disk `root`: a command line or other work. */
export const commandOf = ({ args, work, resume }: Verb, root: string, goesOn = false): Work =>
  work ? () => work(outOf(root)) : [...args!(outOf(root), root), ...(goesOn && resume ? [resume] : [])];

async function expectKept(verb: Verb): Promise<void> {
  const { anew, code: endsWith = 0 } = verb;
  const reference = await newRoot(verb);
  const earlier = tree(reference);
  const whole = await run(commandOf(verb, reference), reference, verb);
  expect(whole).toMatchObject({ code: endsWith, stderr: '' });
  const wanted = comparable(reference, verb);
  const tried = momentsOf(whole.changes, reference, verb);
  for (const [i, at] of tried.entries()) {
    const { call, path } = whole.changes[at]!;
    const codes = codesOf(call);
    const code = codes[i % codes.length]!;
    const root = await newRoot(verb);
    const ended = await run(commandOf(verb, root), root, verb, { code, from: at });
    const what = `${code} at change ${at}: ${call} ${path.slice(reference.length)}`;
    if (ended.code === endsWith) {
      // Something that is of no account once all is there, such as taking a lock away.
      expect(comparable(root, verb), what).toMatchObject(wanted);
      continue;
    }
    expectToldAndKept(ended, { what, root, code, earlier, wanted });
    if (!leavesRemoving(code)) removeLocks(root);
    if (anew) rmSync(outOf(root), { recursive: true, force: true }); // which is another place
    const again = await run(commandOf(verb, root, true), root, verb);
    expect(again, what).toMatchObject({ code: endsWith });
    expect(comparable(root, verb), what).toEqual(wanted);
    rmSync(root, { recursive: true });
  }
  expect(tried.length).toBeGreaterThan(2);
}

let count = 0;
async function newRoot({ before }: Verb): Promise<string> {
  const root = given(`disk-${count++}`);
  mkdirSync(root);
  await before?.(root);
  return root;
}

/**
 * Changes that stand for all: the first of each kind and the last write, a kind being the same call on the same file,
 * whatever process or step made it. With one a file, its calls take turns.
 */
function momentsOf(changes: readonly Change[], root: string, { sampled }: Verb): number[] {
  const isSampled = sampled !== undefined && process.env['FAULTS'] !== 'all';
  const files = new Map<string, Map<string, number[]>>();
  changes.forEach(({ call, path }, at) => {
    const file = withoutTemporary(path.slice(root.length)).replace(/\d+/g, 'N');
    if (isSampled && !sampled.test(file)) return;
    const calls = files.get(file) ?? new Map<string, number[]>();
    files.set(file, calls.set(call, [...(calls.get(call) ?? []), at]));
  });
  const chosen = [...files.values()].flatMap((calls, i) => {
    const all = [...calls].flatMap(([call, at]) => (call === 'write' ? [at[0]!, at.at(-1)!] : [at[0]!]));
    if (!isSampled || files.size <= 4) return all;
    return i % Math.ceil(files.size / 7) === 0 ? [all[i % all.length]!] : [];
  });
  return [...new Set(chosen)].sort((a, b) => a - b);
}

const tree = (root: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), readFileSync(path, 'base64')]),
  );

/** A lock that could not be removed is taken over once its process is gone; this one, which tests, lives on. */
export function removeLocks(root: string): void {
  for (const name of Object.keys(tree(root)))
    if (/\.lock$|\.lock\.(new|after)\.tmp-\d+$/.test(name)) rmSync(join(root, name));
}

interface Expected {
  readonly what: string;
  readonly root: string;
  readonly code: string;
  readonly earlier: Readonly<Record<string, string>>;
  readonly wanted: Readonly<Record<string, string>>;
}

/** One error that names a file of the user's own, says what is kept, and what to do. */
export function told({ code, stderr }: Pick<Ended, 'code' | 'stderr'>, root: string, what: string): void {
  expect(code, `${what}\n${stderr}`).toBe(1);
  const [first = '', hint = '', ...rest] = stderr.trimEnd().split('\n');
  expect(first, what).toMatch(
    /^error \S+: (this could not be (written|removed): [a-z -]+|the disk is full: .+ are needed and .+ are free)$/,
  );
  const file = /^error (\S+): /.exec(first)![1]!;
  expect(file.startsWith(root), what).toBe(true);
  expect(file, what).not.toMatch(/\.tmp-|\.replaced-|\.partial|\.incomplete/);
  expect(hint, what).toMatch(
    /^ {2}\S.*(untouched|kept|as it was)\. .+, then (try again|give the same command again|go on with --resume|begin anew with another --out)\.$/,
  );
  expect(rest, what).toEqual([]);
}

/** Nothing begun is left in sight, nothing that was there is lost. */
function expectToldAndKept(ended: Ended, { what, root, code, earlier, wanted }: Expected): void {
  told(ended, root, what);
  const left = tree(root);
  for (const [name, bytes] of Object.entries(earlier))
    expect([bytes, wanted[name]], what).toContain(left[name]);
  if (!leavesRemoving(code)) return;
  const names = Object.keys(left);
  expect(
    names.filter((name) => basename(name).startsWith('.') || name.endsWith('.lock')),
    what,
  ).toEqual([]);
}

/** What a verb leaves, without what differs from run to run. */
export const comparable = (root: string, { varies }: Verb): Record<string, string> =>
  Object.fromEntries(Object.entries(tree(root)).filter(([name]) => !varies?.test(name)));
