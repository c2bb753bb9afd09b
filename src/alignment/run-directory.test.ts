import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisProcess } from '../durable/holder.ts';
import { claimRun } from '../runs/claim.ts';
import type { OpenMode } from '../runs/resume.ts';
import { openRunDirectory } from './run-directory.ts';
import type { RunDirectory } from './run-directory.ts';

let dir: string;
let out: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-run-'));
  out = join(dir, 'run');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const record = { settings: { lambda: 1.2, model: 'm' }, run: { seed: 'x' } };
const state = (step: number) => {
  const values = Float32Array.of(step, step + 0.5);
  return { parameters: values, firstMoment: values, secondMoment: values, step };
};
/** Opens, lets `use` work, and closes as a process that ends would. */
const within = async (
  mode: OpenMode,
  use: (run: RunDirectory) => Promise<void>,
  limit = 2,
): Promise<readonly string[]> => {
  const claim = await claimRun(out, mode);
  const run = await openRunDirectory(await claim.begin(record), limit);
  await use(run);
  await run.metrics.close();
  await claim.release();
  return run.notes.map(({ text }) => text);
};

describe('claimRun', () => {
  it('refuses a run that is there, unless told to go on or to move it aside', async () => {
    await within('new', async (run) => run.saveCheckpoint(state(3), 10));
    await expect(claimRun(out, 'new')).rejects.toMatchObject({ code: 'RUN_EXISTS' });
    await within('resume', (run) => Promise.resolve(expect(run.state?.step).toBe(3)));
    const notes = await within('overwrite', (run) => Promise.resolve(expect(run.state).toBeNull()));
    expect(notes).toEqual([`The old run is now ${out}.old-1.`]);
    await within('overwrite', async () => {});
    expect((await readdir(dir)).sort()).toEqual(['run', 'run.old-1', 'run.old-2']);
    expect(await readdir(join(`${out}.old-1`, 'checkpoints'))).toEqual(['step-3']);
    expect(await readdir(`${out}.old-1`)).not.toContain('run.lock');
  });

  it('leaves no trace when nothing was begun', async () => {
    await (await claimRun(out, 'new')).release();
    expect(await readdir(dir)).toEqual([]);
    await within('new', async () => {});
    await (await claimRun(out, 'overwrite')).release();
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'metrics.jsonl', 'run.yaml']);
  });

  it('refuses folders and files that are not runs, even to overwrite them', async () => {
    await mkdir(out);
    await writeFile(join(out, 'thesis.tex'), '');
    for (const mode of ['new', 'resume', 'overwrite'] as const) {
      await expect(claimRun(out, mode)).rejects.toMatchObject({ code: 'NOT_A_RUN' });
    }
    await expect(claimRun(join(out, 'thesis.tex'), 'new')).rejects.toMatchObject({ code: 'NOT_A_RUN' });
    expect(await readdir(out)).toEqual(['thesis.tex']);
  });

  it('takes what a process killed at the very start left behind', async () => {
    await mkdir(out);
    await writeFile(
      join(out, 'run.lock'),
      JSON.stringify({ ...(await thisProcess()), pid: 4194305, since: 'then' }),
    );
    await writeFile(join(out, '.run.lock.new.tmp-12'), '{');
    await writeFile(join(out, '.run.yaml.tmp-7'), 'lam');
    await within('new', async () => {});
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'metrics.jsonl', 'run.yaml']);
  });

  it('hands back what run.yaml says', async () => {
    await within('new', async () => {});
    const claim = await claimRun(out, 'resume');
    expect(claim.recorded).toMatchObject({ ...record, run: { kind: 'align', ...record.run } });
    await claim.release();
    await writeFile(join(out, 'run.yaml'), 'lambda: [');
    await expect(claimRun(out, 'resume')).rejects.toMatchObject({ code: 'BAD_RUN' });
    await writeFile(join(out, 'run.yaml'), 'lambda: 1');
    await expect(claimRun(out, 'resume')).rejects.toThrow(/expected a section "run"/);
    expect(await readdir(out)).not.toContain('run.lock');
  });

  it('is refused while another holds it', async () => {
    const claim = await claimRun(out, 'new');
    await expect(claimRun(out, 'new')).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    await claim.release();
  });
});

describe('RunDirectory', () => {
  it('keeps as many checkpoints as the limit says, the newest', async () => {
    await within('new', async (run) => {
      for (const step of [2, 4, 10, 12]) await run.saveCheckpoint(state(step), 10);
    });
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['step-10', 'step-12']);
  });

  it('goes back over damaged checkpoints, and says so', async () => {
    await within('new', async (run) => {
      await run.saveCheckpoint(state(2), 10);
      await run.saveCheckpoint(state(4), 10);
    });
    await appendFile(join(out, 'checkpoints', 'step-4', 'state.safetensors'), 'x');
    const notes = await within('resume', (run) => {
      expect(run.state).toEqual(state(2));
      return Promise.resolve();
    });
    expect(notes.join()).toMatch(/step-4.*damaged/);
    await rm(join(out, 'checkpoints', 'step-2', 'checkpoint.json'));
    await expect(within('resume', async () => {})).rejects.toThrow(/no checkpoint of this run can be read/);
  });

  it('knows that it is finished once the adapter is there', async () => {
    await within('new', async (run) => {
      expect(await run.finished()).toBe(false);
      await run.saveAdapter((at) => writeFile(join(at, 'adapter_config.json'), '{}'));
      expect(await run.finished()).toBe(true);
    });
    expect(await readFile(join(out, 'adapter', 'adapter_config.json'), 'utf8')).toBe('{}');
  });
});
