// generate, score and merge as long work: kills and stops at any moment, --resume to the same bytes, an existing --out,
// links, full disks, and nothing left behind.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { buildCli, eventsOf } from './command.ts';
import type { Cli, Finished, RunOptions } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

let dir: string;
let cli: Cli;
let real: Cli;
let n = 0;
/** A folder of its own for every test's output. */
let out: string;
const count = 30;
const slow: RunOptions = { env: { FAKE_ENGINE: '{"responseDelay": 12, "scoreDelay": 60}' } };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-long-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(count));
  cli = await buildCli('fake');
  real = await buildCli('real');
});
beforeEach(async () => {
  out = join(dir, String(n++), 'rows.jsonl');
  await mkdir(join(out, '..'));
});
afterAll(async () => {
  await cli.remove();
  await real.remove();
  await rm(dir, { recursive: true, force: true });
});

const verbs = {
  generate: (...more: string[]) => ['generate', '--file', join(dir, 'data.jsonl'), ...common(more)],
  score: (...more: string[]) => ['score', join(dir, 'data.jsonl'), ...common(more)],
};
const common = (more: string[]): string[] => ['--model', join(dir, 'model'), '--out', out, ...more];
const journal = (): string => `${out}.journal.jsonl`;
const linesIn = async (path: string): Promise<number> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').length - 1;
const beside = (): Promise<string[]> => readdir(join(out, '..'));

describe.each(['generate', 'score'] as const)('%s', (verb) => {
  const args = verbs[verb];
  const interrupt = async (
    moment: number,
    signal: NodeJS.Signals,
    extra: number,
    ...more: string[]
  ): Promise<Finished> => {
    const { child, finished } = cli.start(args(...more), slow);
    // The journal's first line is no row.
    while ((await linesIn(journal())) - 1 < moment && child.exitCode === null) await sleep(2);
    await sleep(extra);
    child.kill(signal);
    return finished;
  };

  it('killed and stopped at any moment ends with the same bytes, and leaves nothing beside them', async () => {
    expect((await cli.call(args(), slow)).code).toBe(0);
    const whole = await readFile(out, 'utf8');
    expect(whole.split('\n')).toHaveLength(count + 1);
    expect(await beside()).toEqual(['rows.jsonl']);
    await rm(out);
    const random = createRandom(11, verb.length);
    const moments = Array.from({ length: 5 }, () => random.below(count)).sort((a, b) => a - b);
    for (const [i, moment] of moments.entries()) {
      const signal = i % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
      const { code, stderr } = await interrupt(moment, signal, random.below(25), '--resume');
      if (code === 0 || existsSync(out)) break; // all was there before the signal
      // A process that has only begun ends by the signal itself.
      expect([[null, 143], ['']]).toEqual([expect.arrayContaining([code]), [stderr]]);
      // Half a group of rows that were scored together, and half a line.
      const kept = (await readFile(journal(), 'utf8')).split('\n').slice(0, -1);
      const rows = kept.slice(0, kept.length > 4 ? -3 : undefined).join('\n');
      if (i === 2) await writeFile(journal(), `${rows}\n{"index":`);
    }
    const last = await cli.call(args('--resume'), slow);
    expect([last.code, last.stderr]).toEqual([0, '']);
    expect(await readFile(out, 'utf8')).toBe(whole);
    expect(await beside()).toEqual(['rows.jsonl']);
    expect((await cli.call(args('--resume'), slow)).code).toBe(0);
    expect(await readFile(out, 'utf8')).toBe(whole);
  }, 60_000);

  it('says at Ctrl+C what is kept and how to go on, and refuses to mix with other settings', async () => {
    const { code, stderr } = await interrupt(8, 'SIGINT', 0, '--json');
    expect(code).toBe(130);
    expect(eventsOf(stderr, 'stopping')[0]!['text']).toMatch(
      /Ctrl\+C: stopping.*rows\.jsonl\.journal\.jsonl keeps.*--resume goes on/,
    );
    expect(eventsOf(stderr, 'progress').find(({ what }) => what !== 'reading')).toMatchObject({
      done: 0,
      total: 30,
      seconds_left: null,
    });
    const kept = await linesIn(journal());
    expect(kept).toBeGreaterThan(8);
    const again = await cli.call(args(), slow);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/stopped before all[^]*--resume[^]*--overwrite/);
    const other = verb === 'generate' ? ['--seed', '7'] : ['--lambda', '3'];
    const mixed = await cli.call(args('--resume', ...other), slow);
    expect(mixed.code).toBe(1);
    expect(mixed.stderr).toMatch(
      verb === 'generate' ? /seed: it was begun with 42, now 7/ : /lambda: it was begun with 1.2, now 3/,
    );
    expect(await linesIn(journal())).toBe(kept);
    expect((await cli.call(args('--overwrite', ...other), slow)).code).toBe(0);
    expect(await beside()).toEqual(['rows.jsonl']);
  }, 60_000);

  it('does not replace what is at --out unless told to, and writes through a link', async () => {
    await writeFile(out, 'precious');
    const refused = await cli.call(args());
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/rows\.jsonl: this exists already[^]*--overwrite[^]*--resume/);
    expect((await cli.call(args('--resume'))).stderr).toMatch(/rows\.jsonl/);
    expect(await readFile(out, 'utf8')).toBe('precious');
    const target = join(out, '..', 'target.jsonl');
    await rm(out);
    await symlink('target.jsonl', out);
    expect((await cli.call(args())).code).toBe(0);
    expect(await readlink(out)).toBe('target.jsonl');
    expect(await linesIn(target)).toBe(count);
    await writeFile(target, 'old');
    expect((await cli.call(args('--overwrite'))).code).toBe(0);
    expect(await readlink(out)).toBe('target.jsonl');
    expect(await linesIn(target)).toBe(count);
    expect((await beside()).sort()).toEqual(['rows.jsonl', 'target.jsonl']);
  });
});

describe.skipIf(process.platform !== 'linux')('a standard output that takes nothing', () => {
  const shell = (redirect: string): Promise<Finished> =>
    new Promise((resolve) => {
      const command = `${[process.execPath, real.main, ...verbs.score().slice(0, 4)].join(' ')} ${redirect}`;
      const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('close', (code) => resolve({ code, stdout: '', stderr }));
    });

  it('is told in words', async () => {
    const full = await shell('> /dev/full');
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/^error .*standard output.*(full|space)/);
    expect(full.stderr).not.toMatch(/\n\s+at /);
    const closed = await shell('>&-');
    expect(closed.code).toBe(1);
    expect(closed.stderr).toMatch(/the standard output is closed/);
    expect((await shell('> /dev/null')).code).toBe(0);
  });
});
