// whetstone align from outside: what it writes, what it refuses and how it stops. The stand-in engine computes.
import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { buildCli } from './command.ts';
import type { Cli, Finished, RunOptions } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';
import { adapterOf, metricsOf } from './run.ts';

let dir: string;
let cli: Cli;
let model: string;
let data: string;
let out: string;
let runs = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-align-'));
  model = join(dir, 'model');
  data = join(dir, 'data.jsonl');
  await writeTinyModel(model);
  await writeJsonl(data, judgedRows(12));
  cli = await buildCli('fake');
});
beforeEach(() => {
  out = join(dir, `run-${++runs}`);
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

const fake = (options: object): RunOptions => ({ env: { FAKE_ENGINE: JSON.stringify(options) } });
const align = (more: string[] = [], options?: RunOptions): Promise<Finished> =>
  cli.call(['align', data, '--model', model, '--out', out, '--batch_size', '4', ...more], options);

/** Waits for a condition; throws if the process ends before it holds. */
const until = async (child: ChildProcess, holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) {
    if (child.exitCode !== null)
      throw new Error(`the process ended with ${child.exitCode} while it was waited for`);
    await sleep(2);
  }
};

describe('a run', () => {
  it('says what will happen and leaves the contract behind', async () => {
    const { code, stdout, stderr } = await align(['--warmup_steps', '0', '--epochs', '2']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/rows +12 rows: 8 align-n, 4 align-p; \d+ response tokens, longest sequence \d+/);
    expect(stdout).toMatch(/steps +6 of 4 rows, 3 an epoch; cosine to 0\.0004/);
    for (const control of ['\r', '\u001b']) expect(stdout).not.toContain(control);
    const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(Object.keys(JSON.parse(metrics[0]!) as object)).toEqual(
      'step epoch loss loss_l1 loss_l2 flagged_fraction learning_rate grad_norm response_tokens tokens_per_second'.split(
        ' ',
      ),
    );
    expect((await metricsOf(out)).map(({ step, epoch }) => [step, epoch!.toFixed(2)])).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => [step, (step / 3).toFixed(2)]),
    );
    expect((await readdir(out)).sort()).toEqual([
      ...['adapter', 'checkpoints', 'metrics.jsonl', 'report.html', 'run.yaml'],
    ]);
    expect(stdout).toContain(`report in ${join(out, 'report.html')}\nnext\n`);
    for (const program of ['PEFT', 'vLLM', 'llama.cpp', 'Ollama']) expect(stdout).toContain(`  ${program}`);
    const record = parse(await readFile(join(out, 'run.yaml'), 'utf8')) as Record<string, unknown>;
    expect(record).toMatchObject({
      lambda: 1.2,
      lora_target_modules: ['gate_proj', 'up_proj', 'down_proj'],
      run: {
        data: expect.stringMatching(/^sha256:/) as string,
        versions: { whetstone: expect.stringMatching(/^\d/) as string },
      },
    });
  });

  it('is over whatever becomes of its report, which can be left out and made later', async () => {
    const without = await align(['--warmup_steps', '0', '--report', 'false']);
    expect([without.code, await readdir(out)]).toEqual([0, expect.not.arrayContaining(['report.html'])]);
    expect(without.stdout).toMatch(/^next$/m);
    const later = await cli.call(['report', out]);
    expect([later.code, later.stderr]).toEqual([0, '']);
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('Use it');

    out += '-blocked';
    await mkdir(join(out, 'report.html'), { recursive: true }); // nothing can be written in its place
    await cp(join(out.slice(0, -'-blocked'.length), 'run.yaml'), join(out, 'run.yaml'));
    const blocked = await cli.call(['align', '--out', out, '--resume']);
    expect(blocked.code).toBe(0);
    expect(blocked.stdout).toMatch(/note The report, or the model card, was not written: /);
    expect(await readdir(out)).toContain('adapter');
    expect((await cli.call(['report', out])).code).toBe(1);
  });

  it('cannot be lengthened, and says what can be done', async () => {
    await align(['--warmup_steps', '0', '--max_steps', '1']);
    const longer = await align(['--resume', '--max_steps', '5']);
    expect(longer.code).toBe(1);
    expect(longer.stderr).toMatch(/max_steps: the run has 1, now 5[^]*cannot be lengthened[^]*--adapter/);
    expect((await align(['--resume', '--epochs', '5'])).stderr).toMatch(/cannot be lengthened/);
    expect((await align(['--resume', '--seed', '5'])).stderr).not.toMatch(/lengthened/);
    const done = await cli.call(['align', '--out', out, '--resume']);
    const [, line] = /Train on from its adapter:\n {2}whetstone (.*)\n/.exec(done.stdout)!;
    const next = await cli.call(line!.replace('ANOTHER', `${out}-next`).split(' '));
    expect([next.code, next.stderr]).toEqual([0, '']);
  });

  it('refuses files for its report before it begins', async () => {
    const missing = join(dir, 'nowhere.jsonl');
    for (const name of ['eval_data', 'report_prompts']) {
      const { code, stderr } = await align([`--${name}`, missing]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(missing)]);
      await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it('can be repeated from its run.yaml, with the same bytes', async () => {
    await align(['--seed', '9', '--preset', 'released-code', '--max_steps', '4']);
    const copy = `${out}-copy`;
    expect((await cli.call(['align', '--config', join(out, 'run.yaml'), '--out', copy])).stderr).toBe('');
    expect(await adapterOf(copy)).toEqual(await adapterOf(out));
    expect(await metricsOf(copy)).toEqual(await metricsOf(out));
  });

  it('notes a warm-up longer than itself, and trains only rows that have weight', async () => {
    const { stdout } = await align(['--method', 'likelihood']);
    expect(stdout).toMatch(/note The warm-up of 100 steps does not end within the run of 1/);
    expect(stdout).toMatch(/4 rows: 0 align-n, 4 align-p/);
    expect(stdout).toMatch(/8 rows without weight in this method/);
  });
});

describe('an --out that holds a run', () => {
  it('is refused, gone on with, or moved aside', async () => {
    expect((await align(['--max_steps', '2'])).code).toBe(0);
    const refused = await align();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/already holds a run[^]*--resume[^]*--overwrite/);
    const complete = await align(['--resume']);
    expect(complete.code).toBe(0);
    expect(complete.stdout).toMatch(/This run is complete/);
    const anew = await align(['--overwrite', '--max_steps', '3']);
    expect(anew.stdout).toMatch(/The old run is now .*\.old-1/);
    expect(await metricsOf(out)).toHaveLength(3);
    expect(await metricsOf(`${out}.old-1`)).toHaveLength(2);
  });

  it('is gone on with only under the same settings, data and model, every difference named', async () => {
    const own = join(dir, 'changing.jsonl');
    await writeJsonl(own, judgedRows(8));
    const args = (...more: string[]): string[] => ['align', own, '--model', model, '--out', out, ...more];
    await cli.call(args('--max_steps', '2', '--lambda', '1.5'));
    await writeJsonl(own, judgedRows(9));
    const { code, stderr } = await cli.call(
      args('--resume', '--lambda', '1.6', '--lora_r', '4', '--save_steps', '7'),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/lambda: the run has 1\.5, now 1\.6\n/);
    expect(stderr).toMatch(/lora_r: the run has 16, now 4\n/);
    expect(stderr).toMatch(/data: the file has other content/);
    expect(stderr).not.toMatch(/save_steps/);
    await writeJsonl(own, judgedRows(8));
    expect((await cli.call(args('--resume'))).code).toBe(0);
  });

  it('is refused to a second process while the first one works, and free again after it', async () => {
    const first = cli.start(['align', data, '--model', model, '--out', out], fake({ delay: 60_000 }));
    await until(first.child, async () => (await readdir(out).catch((): string[] => [])).includes('run.yaml'));
    const second = await align(['--resume']);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(new RegExp(`process ${first.child.pid} on .+ has been working here since`));
    first.child.kill('SIGKILL');
    await first.finished;
    expect((await align(['--resume', '--max_steps', '2'])).stderr).toMatch(
      /max_steps: the run has null, now 2/,
    );
  });
});

describe('stopping', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'at %s finishes the step, writes a checkpoint, says how to go on and exits with %i',
    async (signal, expected) => {
      const { child, finished } = cli.start(
        ['align', data, '--model', model, '--out', out, '--batch_size', '1', '--save_steps', '100'],
        fake({ delay: 30 }),
      );
      await until(
        child,
        async () =>
          (await readFile(join(out, 'metrics.jsonl'), 'utf8').catch(() => '')).split('\n').length >= 3,
      );
      child.kill(signal);
      const { code, stdout, stderr } = await finished;
      expect([code, stderr]).toEqual([expected, '']);
      const steps = (await metricsOf(out)).length;
      expect(await readdir(join(out, 'checkpoints'))).toEqual([`step-${steps}`]);
      expect(stdout).toContain(
        `Stopped after step ${steps} of 12, with a checkpoint. Go on with:\n  whetstone align --out ${out} --resume\n`,
      );
      expect(await readdir(out)).not.toContain('run.lock');
      expect((await cli.call(['align', '--out', out, '--resume'])).code).toBe(0);
      expect(await metricsOf(out)).toHaveLength(12);
    },
  );

  it('at a second Ctrl+C does not wait, but takes the echo of the first one for what it is', async () => {
    const { child, finished } = cli.start(
      ['align', data, '--model', model, '--out', out],
      fake({ delay: 60_000 }),
    );
    let text = '';
    child.stdout!.on('data', (piece: string) => (text += piece));
    await until(child, () => text.includes('memory'));
    child.kill('SIGINT');
    await until(child, () => text.includes('finishing this step'));
    child.kill('SIGINT'); // npm passes on what the terminal has sent already
    await sleep(500);
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect((await finished).code).toBe(130);
  });
});

describe('failures', () => {
  it('a loss that is not finite names the rows and keeps the last good state', async () => {
    const { code, stderr } = await align(['--shuffle', 'false'], fake({ nonFiniteAt: 2 }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/step 2: the loss is NaN; the batch was row 5, row 6, row 7, row 8/);
    expect(await readdir(join(out, 'checkpoints'))).toEqual(['step-1']);
  });

  it('too little memory is refused in words before anything is written', async () => {
    const { code, stderr } = await align([], fake({ peak: 1e15 }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/needs about 1000\.0 TB at its peak[^]*this machine has[^]*a smaller model/);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('a tokenizer with more tokens than the model is refused before anything is written', async () => {
    const { code, stderr } = await align([], fake({ vocabSize: 5 }));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /the tokenizer gives token \d+, and the model has 5 tokens[^]*do not belong together/,
    );
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('a full disk keeps the previous checkpoint', async () => {
    // /dev/full answers every write with "no space left on device".
    const { code, stderr } = await align(['--save_steps', '1'], fake({ adapterTo: '/dev/full' }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/adapter: this could not be written: the disk is full[^]*go on with --resume/);
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['step-2', 'step-3']);
    const resumed = await align(['--resume']);
    expect(resumed.code).toBe(0);
    expect(await readdir(out)).toContain('adapter');
  });

  it('WHETSTONE_DEBUG=1 shows the stack, otherwise the message alone is shown', async () => {
    const missing = ['align', join(dir, 'nowhere.json'), '--model', model, '--out', out];
    expect((await cli.call(missing)).stderr).not.toMatch(/\n\s+at /);
    expect((await cli.call(missing, { env: { WHETSTONE_DEBUG: '1' } })).stderr).toMatch(/\n\s+at /);
  });
});

describe('options', () => {
  it('are checked all at once, with places in the config file and suggestions', async () => {
    const config = join(dir, 'bad.yaml');
    await writeFile(
      config,
      'lamda: 1.1\nalpha: lots\nbatch_size: 2.5\n\nmethod: likelihood\ngamma: 2\nresume: true\n',
    );
    const { code, stderr } = await align(['--config', config, '--lora_r', 'x', '--warmup-step', '3']);
    expect(code).toBe(2);
    expect(stderr).toContain(`${config}:1:1: lamda: no such option (did you mean lambda?)`);
    expect(stderr).toContain(`${config}:2:1: alpha: expected a number of at least 0, found "lots"`);
    expect(stderr).toContain(`${config}:3:1: batch_size: expected a whole number of at least 1, found 2.5`);
    expect(stderr).toMatch(/bad\.yaml:6:1: gamma, .*bad\.yaml:5:1: method: .*means nothing for "likelihood"/);
    expect(stderr).toContain(`${config}:7:1: resume: this is for the command line only`);
    expect(stderr).toContain('--lora_r: expected a whole number of at least 1, found "x"');
    expect(stderr).toContain('--warmup-step: no such option (did you mean --warmup_steps?)');
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('flags win over the config file, which wins over defaults', async () => {
    const config = join(dir, 'good.yaml');
    await writeFile(config, `model: ${model}\ndata: ${data}\nlambda: 1.1\nalpha: 0.25\nmax_steps: 2\n`);
    expect((await cli.call(['align', '--config', config, '--out', out, '--alpha', '0.5'])).code).toBe(0);
    const record = parse(await readFile(join(out, 'run.yaml'), 'utf8')) as object;
    expect(record).toMatchObject({ lambda: 1.1, alpha: 0.5, gamma: 1, max_steps: 2 });
  });

  it('misuse exits with 2, failure with 1, help with 0', async () => {
    expect((await cli.call(['align'])).code).toBe(2);
    expect((await cli.call(['algin'])).stderr).toMatch(/no verb "algin" \(did you mean align\?\)/);
    expect(
      (await cli.call(['align', data, '--model', model, '--out', out, '--resume', '--overwrite'])).code,
    ).toBe(2);
    expect((await cli.call(['align', data, '--model', join(dir, 'none'), '--out', out])).code).toBe(1);
    for (const verb of [
      ['align'],
      ['score'],
      ['generate'],
      ['merge'],
      ['data', 'check'],
      ['data', 'convert'],
    ]) {
      const { code, stdout } = await cli.call([...verb, '--help']);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`Examples:\\n {2}\\$ whetstone ${verb.join(' ')} `));
    }
  });
});
