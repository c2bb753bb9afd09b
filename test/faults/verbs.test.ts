// Every verb on a disk that fails at every file that it writes: what it says, what it leaves, and that it goes on.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { labVerbs } from '../../lab/cli/verbs.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { codesOf, leavesRemoving, onFaultyDisk } from './faulty-disk.ts';
import type { Change, Fault } from './faulty-disk.ts';

const dir = mkdtempSync(join(tmpdir(), 'whetstone-faults-'));
const given = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly changes: readonly Change[];
}

/** Runs a command line in this process, on a disk that fails under `root`. */
async function run(
  args: readonly string[],
  root: string,
  engine: 'real' | 'fake',
  fault: Fault | null = null,
): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const context = {
    ...(engine === 'fake' && { openEngine: openFakeEngine() }),
    stdout: { write: (text: string) => void (said.stdout += text) },
    stderr: { write: (text: string) => void (said.stderr += text) },
  };
  let code = -1;
  const changes = await onFaultyDisk(root, fault, async () => {
    code = await main(args, context, labVerbs());
  });
  return { code, ...said, changes };
}

beforeAll(async () => {
  await writeTinyModel(given('model'));
  await writeJsonl(given('rows.jsonl'), judgedRows(4));
  await writeJsonl(
    given('tasks.jsonl'),
    judgedRows(6).map(({ instruction }) => ({ instruction })),
  );
  writeFileSync(
    given('judge.mjs'),
    `export const judge = (row) => row.output.length % 2 ? null : 'It is wrong.';\n`,
  );
  const trained = await run(align(given('trained')), given('none'), 'real');
  expect(trained).toMatchObject({ code: 0, stderr: '' });
});

const model = (): string[] => ['--model', given('model'), '--threads', '1'];
const align = (out: string): string[] => [
  ...['align', given('rows.jsonl'), ...model(), '--out', out, '--epochs', '2', '--batch_size', '4'],
  ...['--save_steps', '1', '--save_total_limit', '1', '--lora_r', '2', '--warmup_steps', '0'],
];

interface Verb {
  /** The command line; what it writes goes to `out`. */
  readonly args: (out: string) => string[];
  /** Default is the stand-in engine, which computes nothing. */
  readonly engine?: 'real';
  /** What makes it go on; left out where the same command does. */
  readonly resume?: string;
  /** Files of `out` that a repeated command writes anew with other bytes: times and dates. */
  readonly varies?: RegExp;
  /** Prepares `root`, and says what is there that may not be lost. */
  readonly before?: (root: string) => void;
}

const verbs: Readonly<Record<string, Verb>> = {
  align: { args: align, resume: '--resume', varies: /run\.yaml$|metrics\.jsonl$|report\.html$/ },
  generate: {
    args: (out) => [
      'generate',
      '--file',
      given('tasks.jsonl'),
      ...model(),
      '--out',
      out,
      '--max_new_tokens',
      '4',
    ],
    resume: '--resume',
  },
  score: { args: (out) => ['score', given('rows.jsonl'), ...model(), '--out', out], resume: '--resume' },
  'score in the place of a file': {
    args: (out) => ['score', given('rows.jsonl'), ...model(), '--out', out, '--overwrite'],
    before: (root) => writeFileSync(join(root, 'out.jsonl'), 'earlier\n'),
  },
  merge: {
    engine: 'real',
    args: (out) => ['merge', ...model(), '--adapter', given('trained/adapter'), '--out', out],
    resume: '--resume',
  },
  'data convert': {
    args: (out) => ['data', 'convert', given('rows.jsonl'), '--out', out],
    resume: '--overwrite', // where only the folder could not be synced the file is there
  },
  'data convert in the place of a file': {
    args: (out) => ['data', 'convert', given('rows.jsonl'), '--out', out, '--overwrite'],
    before: (root) => writeFileSync(join(root, 'out.jsonl'), 'earlier\n'),
  },
  judge: {
    args: (out) => ['judge', given('rows.jsonl'), '--judge', given('judge.mjs'), '--out', out],
  },
};

const tree = (root: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), readFileSync(path, 'base64')]),
  );

let count = 0;
function newRoot({ before }: Verb): string {
  const root = mkdtempSync(given(`disk-${count++}-`));
  before?.(root);
  return root;
}

/** The first change of each kind and the last write: the same call on the same file, whatever process or step made it. */
function moments(changes: readonly Change[], root: string): number[] {
  const kinds = new Map<string, number[]>();
  changes.forEach(({ call, path }, at) => {
    const kind = `${call} ${path.slice(root.length).replace(/\d+/g, 'N')}`;
    kinds.set(kind, [kinds.get(kind)?.[0] ?? at, ...(call === 'write' ? [at] : [])]);
  });
  return [...new Set([...kinds.values()].flat())].sort((a, b) => a - b);
}

it.each(Object.keys(verbs))('%s', { timeout: 120_000 }, async (name) => {
  const verb = verbs[name]!;
  const out = (root: string): string => join(root, 'out.jsonl');
  const reference = newRoot(verb);
  const earlier = tree(reference);
  const engine = verb.engine ?? 'fake';
  const whole = await run(verb.args(out(reference)), reference, engine);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  const wanted = comparable(reference, verb);
  let tried = 0;
  for (const at of moments(whole.changes, reference)) {
    const codes = codesOf(whole.changes[at]!.call);
    const code = codes[tried++ % codes.length]!;
    const root = newRoot(verb);
    const ended = await run(verb.args(out(root)), root, engine, { code, from: at });
    const what = `${code} at change ${at}: ${whole.changes[at]!.call} ${whole.changes[at]!.path.slice(reference.length)}`;
    if (ended.code === 0) {
      // Something that is of no account once all is there, such as taking a lock away.
      expect(comparable(root, verb), what).toMatchObject(wanted);
      continue;
    }
    expectToldAndKept(ended, { what, root, code, earlier, wanted });
    if (!leavesRemoving(code)) removeLocks(root);
    const again = await run([...verb.args(out(root)), ...(verb.resume ? [verb.resume] : [])], root, engine);
    expect(again, what).toMatchObject({ code: 0 });
    expect(comparable(root, verb), what).toEqual(wanted);
    rmSync(root, { recursive: true });
  }
  expect(tried).toBeGreaterThan(4);
});

/** A lock that could not be removed is taken over once its process is gone; this one, which tests, lives on. */
function removeLocks(root: string): void {
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

/** One error that names a file of the user's own; nothing begun is left in sight, nothing that was there is lost. */
function expectToldAndKept(
  { code, stderr }: Ended,
  { what, root, code: fault, earlier, wanted }: Expected,
): void {
  expect(code, what).toBe(1);
  const [first = '', hint = '', ...rest] = stderr.trimEnd().split('\n');
  expect(first, what).toMatch(/^error \S+: this could not be (written|removed): [a-z -]+$/);
  const file = /^error (\S+): this/.exec(first)![1]!;
  expect(file.startsWith(root), what).toBe(true);
  expect(file, what).not.toMatch(/\.tmp-|\.replaced-|\.partial|\.incomplete/);
  expect(hint, what).toMatch(
    /^ {2}\S.*(untouched|kept|as it was)\. .+, then (try again|give the same command again|go on with --resume)\.$/,
  );
  expect(rest, what).toEqual([]);
  const left = tree(root);
  for (const [name, bytes] of Object.entries(earlier))
    expect([bytes, wanted[name]], what).toContain(left[name]);
  if (!leavesRemoving(fault)) return;
  const names = Object.keys(left);
  expect(
    names.filter((name) => basename(name).startsWith('.') || name.endsWith('.lock')),
    what,
  ).toEqual([]);
}

/** What a verb leaves, without what differs from run to run. */
const comparable = (root: string, { varies }: Verb): Record<string, string> =>
  Object.fromEntries(Object.entries(tree(root)).filter(([name]) => !varies?.test(name)));
