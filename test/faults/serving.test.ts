// A server on a disk that fails at what it keeps beside its answers: requests are answered all the same, one sentence says
// what is no longer kept, and the same command goes on with the file.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows } from '../cli/fixtures.ts';
import { given, removeLocks, told } from './every-file.ts';
import { codesOf, leavesRemoving, onFaultyDisk } from './faulty-disk.ts';
import type { Change, Fault } from './faulty-disk.ts';

interface Served {
  readonly code: number;
  readonly stderr: string;
  readonly changes: readonly Change[];
  /** Statuses of the requests. */
  readonly answered: readonly number[];
}

/** Serves with `more` options in this process, sends `bodies` one after the other, and ends as Ctrl+C ends it. */
async function serve(
  root: string,
  more: readonly string[],
  bodies: readonly object[],
  fault: Fault | null = null,
): Promise<Served> {
  const said = { stdout: '', stderr: '' };
  const context = {
    openEngine: openFakeEngine(),
    stdout: { write: (text: string) => void (said.stdout += text) },
    stderr: { write: (text: string) => void (said.stderr += text) },
  };
  let code: number | null = null;
  const answered: number[] = [];
  const changes = await onFaultyDisk(root, fault, async () => {
    const ended = main(['serve', '--model', given('model'), '--port', '0', ...more], context);
    void ended.then((found) => (code = found));
    let url: string | undefined;
    while (code === null && url === undefined) {
      await sleep(2);
      url = /http:\S+\/v1/.exec(said.stdout)?.[0];
    }
    if (url !== undefined) {
      for (const body of bodies) {
        const path = 'judgment' in body ? 'judgments' : 'chat/completions';
        const request = { method: 'POST', body: JSON.stringify(body) };
        const reply = await fetch(`${url}/${path}`, {
          ...request,
          headers: { 'content-type': 'application/json', connection: 'close' },
        });
        await reply.text();
        answered.push(reply.status);
        // What is recorded is not waited for.
        await sleep(30);
      }
      process.emit('SIGINT');
    }
    code = await ended;
  });
  return { code: code!, stderr: said.stderr, changes, answered };
}

const chat = (model: string, content: string): object => ({
  model,
  messages: [{ role: 'user', content }],
  max_tokens: 4,
});

let count = 0;
function newRoot(): string {
  const root = given(`served-${count++}`);
  mkdirSync(root);
  return root;
}

/** The first change of each kind to each file; a few of them where FAULTS does not ask for all. */
const kinds = (changes: readonly Change[], root: string): number[] => {
  const seen = new Map<string, number>();
  changes.forEach(({ call, path }, at) => {
    const kind = `${call} ${path.slice(root.length)}`.replace(/\d+/g, 'N');
    if (!seen.has(kind)) seen.set(kind, at);
  });
  const all = [...seen.values()];
  const step = process.env['FAULTS'] === 'all' ? 1 : Math.ceil(all.length / 3);
  return all.filter((_, i) => i % step === step - 1);
};

const linesOf = (path: string): unknown[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown)
    : [];

it('--record FILE', { timeout: 120_000 }, async () => {
  const record = (root: string): string[] => ['--record', join(root, 'chats.jsonl')];
  const bodies = [chat('model', 'Why?'), chat('model', 'How?')];
  const whole = newRoot();
  const well = await serve(whole, record(whole), bodies);
  expect(well).toMatchObject({ code: 0, answered: [200, 200] });
  expect(well.stderr).not.toMatch(/error|warning/);
  expect(linesOf(join(whole, 'chats.jsonl'))).toHaveLength(2);
  const moments = kinds(well.changes, whole);
  expect(moments.length).toBeGreaterThan(1);
  for (const [i, at] of moments.entries()) {
    const { call, path } = well.changes[at]!;
    const codes = codesOf(call);
    const code = codes[i % codes.length]!;
    const root = newRoot();
    const file = join(root, 'chats.jsonl');
    const ended = await serve(root, record(root), bodies, { from: at, code });
    const what = `${code} at change ${at}: ${call} ${path.slice(whole.length)}`;
    const unrecorded = /warning (Chats are no longer recorded: .+)\n/.exec(ended.stderr)?.[1];
    if (ended.answered.length === 0) told(ended, root, what);
    else expect(ended.answered, what).toEqual([200, 200]);
    if (unrecorded !== undefined) {
      expect(unrecorded, what).toMatch(
        /^Chats are no longer recorded: \S+chats\.jsonl: this could not be written: [a-z -]+\. What it held before is kept\. .+, then give the same command again\.$/,
      );
    } else if (ended.answered.length > 0) expect(linesOf(file), what).toHaveLength(2);
    if (!leavesRemoving(code)) removeLocks(root);
    const before = linesOf(file).length;
    const again = await serve(root, record(root), bodies);
    expect(again, what).toMatchObject({ code: 0, answered: [200, 200] });
    expect(linesOf(file), what).toHaveLength(before + 2);
  }
});

it('--learn DIR', { timeout: 120_000 }, async () => {
  const learn = (root: string): string[] => ['--learn', join(root, 'mine'), '--template', 'alpaca'];
  const bodies = [
    chat('mine', 'Why?'),
    ...judgedRows(3).map((row, i) => ({ ...row, id: `own-${i}`, judgment: 'Wrong.' })),
  ];
  const whole = newRoot();
  const well = await serve(whole, learn(whole), bodies);
  expect(well).toMatchObject({ code: 0, answered: [200, 201, 201, 201] });
  const judgedIn = (root: string): number => linesOf(join(root, 'mine', 'events.jsonl')).length;
  expect(judgedIn(whole)).toBe(3);
  const ofJournals = well.changes.filter(({ path }) => path.endsWith('.jsonl'));
  const journals = kinds(ofJournals, whole).map((at) => well.changes.indexOf(ofJournals[at]!));
  expect(journals.length).toBeGreaterThan(1);
  for (const [i, at] of journals.entries()) {
    const { call, path } = well.changes[at]!;
    const codes = codesOf(call);
    const code = codes[i % codes.length]!;
    const root = newRoot();
    const ended = await serve(root, learn(root), bodies, { from: at, code });
    const what = `${code} at change ${at}: ${call} ${path.slice(whole.length)}`;
    const [answer, ...judgments] = ended.answered;
    if (answer === undefined) told(ended, root, what);
    else {
      expect(answer, what).toBe(200);
      // Those that were accepted are kept.
      expect(judgments.filter((status) => status === 201).length, what).toBeLessThanOrEqual(judgedIn(root));
      for (const status of judgments) expect([201, 500, 507], what).toContain(status);
      expect(ended.stderr, what).toMatch(
        /\S+\.jsonl: this could not be written: [a-z -]+(\.|\n) *What it held before is kept\. .+, then give the same command again\./,
      );
    }
    if (!leavesRemoving(code)) removeLocks(root);
    const again = await serve(root, learn(root), bodies);
    expect(again, what).toMatchObject({ code: 0, answered: [200, 201, 201, 201] });
    expect(judgedIn(root), what).toBe(3);
  }
});
