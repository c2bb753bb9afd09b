// Faults that the operating system makes itself: a disk that is full, a folder that may not be written, one that is gone
// while it is worked in, a limit of file sizes. Each case says in a line where this machine or user cannot make it.
// FAULTS=all tries every verb.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import { commandOf, comparable, given, outOf, removeLocks, run, told } from './every-file.ts';
import type { Verb } from './every-file.ts';
import type { Verbs } from './verbs.ts';
import { modelVerbs, rowVerbs, train, trainingVerbs, writeJudge } from './verbs.ts';

const all: Verbs = { ...rowVerbs, ...trainingVerbs, ...modelVerbs };
const every = ['generate', 'score', 'judge', 'report', 'align', 'online', 'merge'];
const everyFault = process.env['FAULTS'] === 'all';
const chosen = (...names: string[]): string[] => (everyFault ? every : names);

beforeAll(async () => {
  writeJudge();
  await train('real');
  for (const path of [given('.'), given('model'), given('trained')]) chmodSync(path, 0o755);
});

let count = 0;
const newRoot = (): string => {
  const root = given(`real-${count++}`);
  mkdirSync(root);
  return root;
};

/** The verb where nothing is in its way; what it leaves. */
async function whole(verb: Verb): Promise<Record<string, string>> {
  const root = newRoot();
  expect(await run(commandOf(verb, root), root, verb)).toMatchObject({ code: 0, stderr: '' });
  return comparable(root, verb);
}

async function expectGoesOn(verb: Verb, root: string, wanted: object, what = ''): Promise<void> {
  expect(await run(commandOf(verb, root, true), root, verb), what).toMatchObject({ code: 0, stderr: '' });
  expect(comparable(root, verb), what).toEqual(wanted);
}

const isRoot = process.getuid?.() === 0;
const mounts = isRoot && spawnSync('mount', ['--version']).status === 0 && canMount();
function canMount(): boolean {
  const at = given('mount');
  mkdirSync(at);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at]);
  if (status === 0) spawnSync('umount', [at]);
  return status === 0;
}

describe.runIf(mounts)('a full disk, which only root can mount', () => {
  it.each(chosen('generate', 'merge'))('%s', { timeout: 120_000 }, async (name) => {
    const verb = all[name]!;
    const wanted = await whole(verb);
    const root = newRoot();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
    try {
      let failed = 0;
      const pages =
        1 +
        Math.ceil(
          Buffer.concat(Object.values(wanted).map((bytes) => Buffer.from(bytes, 'base64'))).length / 4096,
        );
      for (const free of new Set([0, 1, 2, 3, Math.ceil(pages / 2), pages - 1])) {
        fill(root, free);
        const ended = await run(commandOf(verb, root), root, verb);
        rmSync(join(root, 'filler'));
        if (ended.code === 0) expect(comparable(root, verb)).toMatchObject(wanted);
        else {
          failed++;
          told(ended, root, `${free} pages were free`);
          expect(ended.stderr).toContain('the disk is full');
          await expectGoesOn(verb, root, wanted);
        }
        rmSync(outOf(root), { recursive: true });
      }
      expect(failed).toBeGreaterThan(0);
    } finally {
      execFileSync('umount', [root]);
    }
  });
});

/** Leaves so many pages of the file system. */
function fill(root: string, pages: number): void {
  const { bavail, bsize } = statfsSync(root);
  writeFileSync(join(root, 'filler'), Buffer.alloc(Math.max(0, bavail - pages) * bsize));
}

const nobody = 65534;
/** Root may write everywhere: it becomes another user meanwhile. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (!isRoot) return work();
  process.seteuid!(nobody);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

describe.runIf(process.seteuid !== undefined)(
  'a folder that may not be written, where there are such',
  () => {
    it.each(chosen('score', 'align'))('%s', { timeout: 120_000 }, async (name) => {
      const verb = all[name]!;
      const wanted = await whole(verb);
      const root = newRoot();
      chmodSync(root, 0o555);
      const ended = await unprivileged(() => run(commandOf(verb, root), root, verb));
      told(ended, root, 'a read-only folder');
      expect(ended.stderr).toContain('permission denied');
      expect(comparable(root, verb)).toEqual({});
      chmodSync(root, 0o755);
      await expectGoesOn(verb, root, wanted);
    });
  },
);

/** Where the folder was made again, and its lock not. */
const withoutLock =
  /lock: this process no longer holds the lock, so nothing more is written here\n {2}Something has removed .+, then /;

/** What takes a folder away, and what puts back what can be had of it. */
type Away = (root: string) => readonly [vanish: () => void, putBack: () => void];
const aways: Readonly<Record<string, Away>> = {
  'the disk': (root) => [
    () => rmSync(root, { recursive: true, force: true }),
    () => mkdirSync(root, { recursive: true }),
  ],
  'the folder of the run': (root) => [
    () => rmSync(outOf(root), { recursive: true, force: true }),
    () => undefined,
  ],
  'the disk, under another name': (root) => [
    () => renameSync(root, `${root}-away`),
    () => {
      rmSync(root, { recursive: true, force: true });
      renameSync(`${root}-away`, root);
    },
  ],
};

describe.each(Object.keys(aways))('taken away: %s', (which) => {
  it.each(chosen('judge', 'align', 'online'))('%s', { timeout: 300_000 }, async (name) => {
    const verb = all[name]!;
    const wanted = await whole(verb);
    const { changes } = await run(commandOf(verb, newRoot()), given('.'), verb);
    const step = everyFault ? 1 : Math.ceil(changes.length / 4);
    for (let at = 1 + Object.keys(aways).indexOf(which); at < changes.length; at += step) {
      const root = newRoot();
      const [vanish, putBack] = aways[which]!(root);
      const what = `${which} gone at change ${at}, ${changes[at]!.call} ${changes[at]!.path}`;
      const ended = await run(commandOf(verb, root), root, verb, { from: at, act: vanish });
      if (ended.code !== 0 && !withoutLock.test(ended.stderr)) told(ended, root, what);
      putBack();
      removeLocks(root);
      if (ended.code === 0 && isDeepStrictEqual(comparable(root, verb), wanted)) continue;
      await expectGoesOn(verb, root, wanted, what);
    }
  });
});

const limits = process.platform !== 'win32' && spawnSync('sh', ['-c', 'ulimit -f 8']).status === 0;

describe.runIf(limits)('a limit of file sizes, where the shell has one', () => {
  it.each(chosen('merge'))('%s', { timeout: 120_000 }, async (name) => {
    const verb = all[name]!;
    const wanted = await whole(verb);
    const cli = await buildCli(verb.engine ?? 'fake');
    const root = newRoot();
    const args = commandOf(verb, root) as string[];
    const limited = spawnSync(
      'sh',
      ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, cli.main, ...args],
      {
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
      },
    );
    if (limited.status !== 0) {
      told({ code: limited.status ?? -1, stderr: limited.stderr }, root, 'ulimit -f 8');
      expect(limited.stderr).toContain('the file would be larger than is allowed here');
    }
    await expectGoesOn(verb, root, wanted);
  });
});
