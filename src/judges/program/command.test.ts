import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WhetstoneError } from '../../errors.ts';
import { openCommandJudge } from './command.ts';
import { commandFingerprint } from './command-digest.ts';
import { isJudged } from '../judge.ts';
import type { JudgeRequest, Outcome } from '../judge.ts';
import { readLines } from './lines.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-command-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const rows = (count: number, output = 'two'): JudgeRequest[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `r${i}`,
    instruction: `Say ${i}.`,
    output: `${output} ${i}`,
  }));

let scripts = 0;
/** A Node program with `rows` (a promise of all parsed input lines) and `say` in scope; the command that runs it. */
async function script(body: string): Promise<string> {
  const path = join(dir, `critic-${scripts++}.mjs`);
  await writeFile(
    path,
    `import { createInterface } from 'node:readline';
const lines = createInterface({ input: process.stdin });
const say = (value) => process.stdout.write((typeof value === 'string' ? value : JSON.stringify(value)) + '\\n');
const all = async () => { const found = []; for await (const line of lines) found.push(JSON.parse(line)); return found; };
${body}
`,
  );
  return `"${process.execPath}" "${path}"`;
}

interface Ran {
  readonly outcomes: Outcome[];
  readonly notes: string[];
  readonly stderr: string;
  readonly error: WhetstoneError | null;
}

async function run(
  command: string,
  requests: readonly JudgeRequest[],
  settings: {
    timeout?: number;
    maxTokens?: number;
    signal?: AbortSignal;
    onOutcome?: (outcome: Outcome) => Promise<void>;
  } = {},
): Promise<Ran> {
  const outcomes: Outcome[] = [];
  const notes: string[] = [];
  let stderr = '';
  const judge = await openCommandJudge(command, {
    timeout: settings.timeout ?? 20,
    maxTokens: settings.maxTokens ?? 512,
    onNote: ({ text }) => notes.push(text),
    onStderr: (piece) => (stderr += piece.toString()),
    cwd: dir,
  });
  let error: WhetstoneError | null = null;
  try {
    await judge.judge(requests, {
      onOutcome: async (outcome) => {
        await settings.onOutcome?.(outcome);
        outcomes.push(outcome);
      },
      ...(settings.signal && { signal: settings.signal }),
    });
  } catch (caught) {
    if (!(caught instanceof WhetstoneError)) throw caught;
    error = caught;
  }
  await judge.close();
  return { outcomes, notes, stderr, error };
}

const byId = (outcomes: readonly Outcome[]): Record<string, string | null> =>
  Object.fromEntries(
    outcomes.map((outcome) => [outcome.id, isJudged(outcome) ? outcome.judgment : `?${outcome.unscored}`]),
  );

describe('a command that keeps the contract', () => {
  it('may read everything before it answers, in any order', async () => {
    const command = await script(
      `for (const { id, output } of (await all()).reverse()) say({ id, judgment: output.includes('1') ? 'Perfect.' : 'Wrong: ' + output, more: 1 });`,
    );
    const { outcomes, notes, error } = await run(command, rows(3));
    expect(error).toBeNull();
    expect(outcomes.map(({ id }) => id)).toEqual(['r2', 'r1', 'r0']);
    expect(byId(outcomes)).toEqual({ r0: 'Wrong: two 0', r1: 'Perfect.', r2: 'Wrong: two 2' });
    expect(notes).toEqual([]);
  });

  it('is given exactly the fields of the contract', async () => {
    const command = await script(
      `for (const row of await all()) say({ id: row.id, judgment: JSON.stringify(row) });`,
    );
    const requests = [
      { id: 'a', instruction: 'x', output: 'y\nz' },
      { id: 'b', instruction: 'x', input: 'i', output: '', secret: 1 },
    ];
    const { outcomes } = await run(command, requests);
    expect(byId(outcomes)).toEqual({
      a: '{"id":"a","instruction":"x","output":"y\\nz"}',
      b: '{"id":"b","instruction":"x","input":"i","output":""}',
    });
  });

  it('is heard line by line, and not asked to hurry by back-pressure', async () => {
    // It answers the second row only after the first outcome was taken, which leaves a file.
    const flag = join(dir, 'flag');
    const command = await script(
      `import { existsSync } from 'node:fs';
for (const { id } of await all()) {
  say({ id, judgment: null });
  if (id === 'r0') while (!existsSync(${JSON.stringify(flag)})) await new Promise((r) => setTimeout(r, 5));
}`,
    );
    const { outcomes, error } = await run(command, rows(2), {
      onOutcome: async ({ id }) => {
        if (id === 'r0') await writeFile(flag, '');
      },
    });
    expect(error).toBeNull();
    expect(byId(outcomes)).toEqual({ r0: null, r1: null });
  });

  it('takes many large rows and slow takers without a deadlock', async () => {
    const command = await script(
      `for await (const line of lines) { const { id, output } = JSON.parse(line); say({ id, judgment: output }); }`,
    );
    const { outcomes, error } = await run(command, rows(400, 'x'.repeat(20_000)), {
      maxTokens: 1000,
      onOutcome: () => sleep(1),
    });
    expect(error).toBeNull();
    expect(outcomes).toHaveLength(400);
    expect(byId(outcomes)['r399']).toBe(`${'x'.repeat(20_000)} 399`);
  });

  it('may write a line of megabytes', async () => {
    const command = await script(
      `for (const { id } of await all()) say({ id, judgment: 'é'.repeat(4_000_000) });`,
    );
    const { outcomes } = await run(command, rows(1), { maxTokens: 200_000 });
    expect(byId(outcomes)['r0']).toHaveLength(4_000_000);
  });

  it('may go on after its last answer; it is ended then', async () => {
    const command = await script(
      `for (const { id } of await all()) say({ id, judgment: null });
setInterval(() => say('still here'), 50);`,
    );
    const { outcomes, error, notes } = await run(command, rows(2));
    expect(error).toBeNull();
    expect(outcomes).toHaveLength(2);
    expect(notes.join()).toMatch(/did not end after its last answer/);
  }, 20_000);

  it('runs through the shell', async () => {
    const { outcomes } = await run(
      `sed 's/.*"id":"\\([^"]*\\)".*/{"id":"\\1","judgment":null}/' | cat`,
      rows(3),
    );
    expect(byId(outcomes)).toEqual({ r0: null, r1: null, r2: null });
  });

  it('is marked where its words do not sound like its verdict', async () => {
    const command = await script(
      `await all();
say({ id: 'r0', judgment: 'The response is flawless.' });
say({ id: 'r1', judgment: 'Perfect, but the answer should be 3.' });
say({ id: 'r2', judgment: 'Perfect.' });`,
    );
    const { outcomes } = await run(command, rows(3));
    expect(outcomes.map((outcome) => isJudged(outcome) && outcome.suspicious)).toEqual([
      'praise',
      'criticism',
      undefined,
    ]);
  });

  it('is not started for nothing', async () => {
    const { error, outcomes } = await run('exit 9', []);
    expect([error, outcomes]).toEqual([null, []]);
  });
});

describe('a command that does not', () => {
  it('leaves rows unscored if it ends well without answering them', async () => {
    const command = await script(
      `say('loading the model ...'); say('ready'); say('[1]');
say({ id: 'r1', judgment: 'Bad.' });
say({ id: 'r1', judgment: null });
say({ id: 'zzz', judgment: null });
say({ judgment: null });`,
    );
    const { outcomes, notes, error } = await run(command, rows(3));
    expect(error).toBeNull();
    const found = byId(outcomes);
    expect(found['r1']).toBe('Bad.');
    expect(found['r0']).toMatch(
      /^\?the command gave no answer; line 1 of its output is not JSON \(and 1 more such\): loading/,
    );
    expect(notes).toHaveLength(1);
    for (const words of [
      /line 3 of its output is not an object/,
      /line 5 .* second time/,
      /line 6 .* not asked for/,
      /line 7 .* no id/,
    ])
      expect(notes[0]).toMatch(words);
  });

  it('never makes a verdict out of a judgment of another type', async () => {
    const command = await script(
      `await all();
say({ id: 'r0', judgment: 3 }); say({ id: 'r1', judgment: ' ' }); say({ id: 'r2', verdict: 'ok' }); say({ id: 'r3', judgment: { text: 'x' } }); say({ id: 'r4', judgment: 'The ' + String.fromCharCode(0xd83d) + ' is wrong.' });`,
    );
    const { outcomes } = await run(command, rows(5));
    expect(outcomes.filter(isJudged)).toEqual([]);
    const found = byId(outcomes);
    expect(found['r0']).toMatch(/found the number 3/);
    expect(found['r1']).toMatch(/found blank text/);
    expect(found['r2']).toMatch(/no field "judgment": \{"id":"r2"/);
    expect(found['r3']).toMatch(/found an object/);
    expect(found['r4']).toMatch(/half of a surrogate pair/);
  });

  it('fails with its exit code and last words, after its answers were handed on', async () => {
    const command = await script(
      `say({ id: 'r0', judgment: 'Bad.' });
process.stderr.write('first words\\n' + 'Traceback: no such module\\n');
process.exitCode = 3;`,
    );
    const { outcomes, error, stderr } = await run(command, rows(500, 'y'.repeat(10_000)));
    expect(byId(outcomes)).toEqual({ r0: 'Bad.' });
    expect(error?.code).toBe('JUDGE_FAILED');
    expect(error?.message).toMatch(/exit code 3, 499 of 500 rows are open[^]*Traceback: no such module/);
    expect(stderr).toBe('first words\nTraceback: no such module\n');
  });

  it('does not fail for an exit code after its last answer', async () => {
    const command = await script(
      `for (const { id } of await all()) say({ id, judgment: null }); process.exitCode = 1;`,
    );
    const { outcomes, error, notes } = await run(command, rows(2));
    expect(error).toBeNull();
    expect(outcomes).toHaveLength(2);
    expect(notes.join()).toMatch(/exit code 1/);
  });

  it('is not there', async () => {
    const { error } = await run('./no-such-critic --strict', rows(1));
    expect(error?.code).toBe('JUDGE_FAILED');
    expect(error?.message).toMatch(/exit code 127[^]*check its path/);
  });

  it('cannot be started', async () => {
    const settings = { maxTokens: 512, timeout: 5, onNote: () => {}, cwd: join(dir, 'no-such-folder') };
    const judge = await openCommandJudge('cat', settings);
    const judging = judge.judge(rows(1), { onOutcome: () => Promise.resolve() });
    await expect(judging).rejects.toMatchObject({ code: 'JUDGE_FAILED' });
  });

  it('was killed', async () => {
    const command = await script(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`);
    const { error } = await run(`exec ${command}`, rows(1));
    expect(error?.message).toMatch(/ended by SIGKILL/);
  });

  it('hangs: given up with all its children', async () => {
    const pids = join(dir, 'pids');
    const child = await script(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`);
    const command = await script(
      `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const child = spawn(${JSON.stringify(child)}, { shell: true, stdio: 'ignore' });
writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + child.pid);
say({ id: 'r1', judgment: null });
process.on('SIGTERM', () => {});
setInterval(() => {}, 1000);`,
    );
    const { outcomes, error } = await run(command, rows(3), { timeout: 1 });
    expect(byId(outcomes)).toEqual({ r1: null });
    expect(error?.code).toBe('JUDGE_FAILED');
    expect(error?.message).toMatch(/no answer for 1 seconds, 2 of 3 rows are open/);
    await expectGone(pids);
  }, 20_000);

  it.each([
    ['without a line end', 'cat /dev/zero'],
    ['in lines that are no JSON', 'yes'],
    ['in lines that begin like JSON', "yes '{'"],
    ['in lines that answer nobody', `yes '{"id":"nobody","judgment":null}'`],
  ])(
    'that writes without end, %s, is not waited for longer',
    async (_, command) => {
      const began = performance.now();
      const { error } = await run(command, rows(1), { timeout: 0.5 });
      expect(error?.code).toBe('JUDGE_FAILED');
      expect(error?.message).toMatch(/no answer for 0.5 seconds, 1 of 1 rows are open/);
      expect(performance.now() - began).toBeLessThan(5000);
    },
    20_000,
  );

  it('may answer at length, of which the beginning is taken, and says so once', async () => {
    const command = await script(
      `for (const { id } of await all()) say({ id, judgment: 'Too long. '.repeat(1e6) });`,
    );
    const { outcomes, notes } = await run(command, rows(3));
    expect(Object.values(byId(outcomes)).map((words) => words?.length)).toEqual([17_408, 17_408, 17_408]);
    expect(notes).toEqual([expect.stringMatching(/longer than 512 tokens can be \(10000000 characters\)/)]);
  }, 20_000);

  it('is ended by an abort with all its children', async () => {
    const pids = join(dir, 'pids-aborted');
    const command = await script(
      `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const child = spawn('sleep 60', { shell: true, stdio: 'inherit' });
writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + child.pid);
for await (const line of lines) say({ id: JSON.parse(line).id, judgment: null });
setInterval(() => {}, 1000);`,
    );
    const abort = new AbortController();
    const all = rows(3);
    const { outcomes, error } = await run(command, [...all, { ...all[0]!, id: 'last', output: 'z' }], {
      signal: abort.signal,
      onOutcome: ({ id }) => {
        if (id === 'r2') abort.abort();
        return Promise.resolve();
      },
    });
    expect(error?.code).toBe('STOPPED');
    expect(outcomes.length).toBeGreaterThanOrEqual(3);
    await expectGone(pids);
  }, 20_000);

  it('that minds SIGTERM may finish what it has under way, and gets no further rows', async () => {
    const command = await script(
      `const underWay = [];
process.on('SIGTERM', async () => { for (const work of underWay) say(await work); process.exit(0); });
for await (const line of lines) {
  const { id } = JSON.parse(line);
  if (id === 'r0') say({ id, judgment: null });
  else underWay.push(new Promise((r) => setTimeout(() => r({ id, judgment: 'Paid for.' }), 300)));
}
setInterval(() => {}, 1000);`,
    );
    const abort = new AbortController();
    // More rows than the pipes hold.
    const { outcomes, error } = await run(command, rows(400, 'long '.repeat(400)), {
      signal: abort.signal,
      onOutcome: ({ id }) => {
        if (id === 'r0') setTimeout(() => abort.abort(), 100);
        return Promise.resolve();
      },
    });
    expect(error?.code).toBe('STOPPED');
    expect(byId(outcomes)['r1']).toBe('Paid for.');
  }, 20_000);

  it('is ended when an outcome cannot be kept', async () => {
    const command = await script(
      `for (const { id } of await all()) say({ id, judgment: null }); setInterval(() => {}, 1000);`,
    );
    const judge = await openCommandJudge(command, {
      maxTokens: 512,
      timeout: 20,
      onNote: () => {},
      cwd: dir,
    });
    const failing = judge.judge(rows(1), { onOutcome: () => Promise.reject(new Error('disk is full')) });
    await expect(failing).rejects.toThrow('disk is full');
  });
});

async function expectGone(file: string): Promise<void> {
  const pids = (await readFile(file, 'utf8')).split(' ');
  // A zombie that nobody has waited for is as good as gone.
  const living = (): string[] =>
    pids.filter((pid) => {
      try {
        return !/^Z/.test(execFileSync('ps', ['-o', 'stat=', '-p', pid]).toString());
      } catch {
        return false;
      }
    });
  for (let i = 0; i < 100 && living().length > 0; i++) await sleep(20);
  expect(living()).toEqual([]);
}

describe('the fingerprint of a command', () => {
  it('follows its text and its programs, not its other files', async () => {
    await writeFile(join(dir, 'critic.sh'), 'echo 1');
    await writeFile(join(dir, 'data.jsonl'), '1');
    const of = (command: string): Promise<string> => commandFingerprint(command, dir);
    const before = await of('sh ./critic.sh data.jsonl');
    expect(await of('sh ./critic.sh data.jsonl')).toBe(before);
    expect(await of('sh ./critic.sh data.jsonl -v')).not.toBe(before);
    await writeFile(join(dir, 'data.jsonl'), '2');
    expect(await of('sh ./critic.sh data.jsonl')).toBe(before);
    await writeFile(join(dir, 'critic.sh'), 'echo 2');
    expect(await of('sh ./critic.sh data.jsonl')).not.toBe(before);
  });
});

describe('readLines', () => {
  it('cuts pieces into lines wherever they were cut before', () => {
    const bytes = Buffer.from('äb\r\n\nlong line\nend');
    for (let size = 1; size <= bytes.length; size++) {
      const reader = readLines(8);
      const found: (string | null)[] = [];
      for (let at = 0; at < bytes.length; at += size)
        found.push(...reader.push(bytes.subarray(at, at + size)).map(({ text }) => text));
      found.push(...reader.end().map(({ text }) => text));
      expect(found).toEqual(['äb\r', '', null, 'end']);
    }
  });

  it('counts a line that is not UTF-8', () => {
    const reader = readLines(100);
    expect(reader.push(Buffer.from([0x61, 10, 0xff, 10]))).toEqual([
      { number: 1, text: 'a' },
      { number: 2, text: null },
    ]);
  });
});
