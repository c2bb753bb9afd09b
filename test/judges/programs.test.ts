// Commands, modules and people as judges through the command line: what is written, and what a stop or a kill leaves.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';

let dir: string;
let cli: Cli;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-programs-'));
  const rows = Array.from({ length: 12 }, (_, i) => ({ instruction: `Say ${i}.`, output: `${i}` }));
  await writeFile(join(dir, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  cli = await buildCli('fake');
});
afterAll(async () => {
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});

const judging = (spec: string, out: string, ...more: string[]): string[] => [
  ...['judge', 'rows.jsonl', '--judge', spec, '--out', out, ...more],
];
const judgments = async (name: string): Promise<(string | null)[]> =>
  (await readFile(join(dir, name), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { judgment: string | null }).judgment);

const slow = `import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
appendFileSync('pids', process.pid + '\\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { id, output } = JSON.parse(line);
  appendFileSync('asked', output + '\\n');
  await new Promise((done) => setTimeout(done, 150));
  console.log(JSON.stringify({ id, judgment: 'Not ' + output + '.' }));
}
`;

const living = async (): Promise<string[]> =>
  (await readFile(join(dir, 'pids'), 'utf8'))
    .trimEnd()
    .split('\n')
    .filter((pid) => {
      try {
        return !execFileSync('ps', ['-o', 'stat=', '-p', pid]).toString().startsWith('Z');
      } catch {
        return false;
      }
    });

const answered = async (out: string): Promise<number> =>
  (await readFile(join(dir, `${out}.journal.jsonl`), 'utf8').catch(() => '')).split('"judgment"').length - 1;

describe('a command', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'loses nothing at a %s, and leaves no process',
    async (signal) => {
      await writeFile(join(dir, 'slow.mjs'), slow);
      await Promise.all(['asked', 'pids'].map((name) => rm(join(dir, name), { force: true })));
      const args = judging('cmd:node slow.mjs | cat', `${signal}.jsonl`);
      const { child, finished } = cli.start(args, { cwd: dir });
      while (child.exitCode === null && (await answered(`${signal}.jsonl`)) < 3) await sleep(5);
      child.kill(signal);
      const { code } = await finished;
      expect(code).toBe(signal === 'SIGTERM' ? 143 : null);
      // After a SIGKILL the command finds its pipes closed.
      for (let i = 0; i < 400 && (await living()).length > 0; i++) await sleep(10);
      expect(await living()).toEqual([]);

      const kept = await answered(`${signal}.jsonl`);
      expect(kept).toBeGreaterThanOrEqual(3);
      const before = (await readFile(join(dir, 'asked'), 'utf8')).split('\n').length - 1;
      const again = await cli.run(args, { cwd: dir });
      expect(again.stderr).toBe('');
      expect(again.code).toBe(0);
      expect(await judgments(`${signal}.jsonl`)).toEqual(Array.from({ length: 12 }, (_, i) => `Not ${i}.`));
      const after = (await readFile(join(dir, 'asked'), 'utf8')).split('\n').length - 1;
      expect(after - before).toBe(12 - kept);
    },
    60_000,
  );

  it('that breaks down says why, and goes on when it is mended', async () => {
    await writeFile(
      join(dir, 'breaks.sh'),
      'head -n 2 | sed \'s/.*"id":\\("[^"]*"\\).*/{"id":\\1,"judgment":null}/\'; echo "out of paper" >&2; exit 4\n',
    );
    const broken = await cli.run(judging('cmd:sh breaks.sh', 'breaks.jsonl'), { cwd: dir });
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(/exit code 4, 10 of 12 rows are open[^]*out of paper/);
    expect(await answered('breaks.jsonl')).toBe(2);
  });
});

describe('a module', () => {
  it('in TypeScript judges, and what it leaves open is listed', async () => {
    await writeFile(
      join(dir, 'critic.ts'),
      `type Row = { readonly output: string };
export default ({ output }: Row): string | null => {
  if (output === '7') throw new Error('seven is too much');
  return Number(output) % 2 === 0 ? null : \`\${output} is odd.\`;
};`,
    );
    const { code, stdout } = await cli.run(judging('./critic.ts', 'module.jsonl'), { cwd: dir });
    expect(code).toBe(1);
    expect(stdout).toMatch(/6 satisfactory, 5 unsatisfactory, 1 unscored/);
    expect(await readFile(join(dir, 'module.jsonl.unscored.jsonl'), 'utf8')).toMatch(/seven is too much/);
    expect((await judgments('module.jsonl')).slice(0, 3)).toEqual([null, '1 is odd.', null]);
  });
});

describe('a person', () => {
  it('is waited for in words, and heard when the command is run again', async () => {
    const args = judging('person:by-hand.jsonl', 'person.jsonl');
    const first = await cli.run(args, { cwd: dir });
    expect([first.code, first.stderr]).toEqual([3, '']);
    expect(first.stdout).toMatch(/waiting: by-hand\.jsonl: 12 of 12 rows wait[^]*run the same command again/);
    const json = await cli.run([...args, '--json'], { cwd: dir });
    expect([json.code, json.stdout]).toEqual([3, expect.stringContaining('"type":"waiting"')]);
    const file = join(dir, 'by-hand.jsonl');
    const rows = await readFile(file, 'utf8');
    await writeFile(
      file,
      rows
        .replaceAll('"judgment":""', '"judgment":"ok"')
        .replace('"judgment":"ok"', '"judgment":"Too short."'),
    );
    const second = await cli.run(args, { cwd: dir });
    expect(second.stderr).toBe('');
    expect(second.code).toBe(0);
    expect(await judgments('person.jsonl')).toEqual([
      'Too short.',
      ...Array.from({ length: 11 }, () => null),
    ]);
  });
});
