// align --dry_run: what a run would be, here or on devices that are not here; nothing is written, and nothing opened that
// need not be.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

let dir: string;
let cli: Cli;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-rehearsal-'));
  await writeTinyModel(join(dir, 'model'));
  await writeTinyModel(join(dir, 'large'));
  await rm(join(dir, 'large/model.safetensors'));
  const config = {
    ...{ model_type: 'llama', hidden_size: 8192, intermediate_size: 28672, num_hidden_layers: 80 },
    ...{ num_attention_heads: 64, num_key_value_heads: 8, vocab_size: 128256, max_position_embeddings: 8192 },
  };
  await writeFile(join(dir, 'large/config.json'), JSON.stringify(config));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(12));
  cli = await buildCli('fake');
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

const rehearse = (model: string, ...more: string[]): Promise<Finished> =>
  cli.call([
    'align',
    join(dir, 'data.jsonl'),
    '--model',
    join(dir, model),
    '--batch_size',
    '4',
    '--dry_run',
    ...more,
  ]);

describe('align --dry_run', () => {
  it('says rows, steps and memory on this machine, and writes nothing', async () => {
    const before = await readdir(dir);
    const { code, stdout } = await rehearse('model', '--out', join(dir, 'run'));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^rows +12 rows: .*\n(.*\n)*steps +3 of 4 rows, 3 an epoch.*\nmodel .*\nmemory +about /,
    );
    expect(await readdir(dir)).toEqual(before);
  });

  it('works out other devices from config.json alone', async () => {
    const { code, stdout } = await rehearse('large', '--devices', '8xh100', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'plan',
      total_steps: 3,
      placement: { fits: true, devices: { count: 8, memory: 80e9 }, memory: { adapter: 2264924160 } },
    });
    expect((await rehearse('large', '--devices', '8xh100')).stdout).toMatch(
      /devices +8 x NVIDIA H100[^]*memory +about [\d.]+ GB each of 80\.00 GB\n +weights 17\.64 GB, [^]*speed +about [\d,]+ tokens a second[^]*time +about /,
    );
  });

  it('refuses what does not fit, with what would', async () => {
    const { code, stdout, stderr } = await rehearse('large', '--devices', '2xh100');
    expect(code).toBe(1);
    expect(stdout).toContain('does not fit');
    expect(stderr).toMatch(
      /each of 2 x NVIDIA H100 [^]*--base_dtype int4 fits on 1 of these devices\. 4 of these devices fit\./,
    );
    expect((await rehearse('large', '--devices', 'h100', '--base_dtype', 'int4')).code).toBe(0);
  });

  it.each([
    ['a kind that there is not', ['--devices', '8xh10'], /did you mean h100/],
    ['a share without devices', ['--utilization', '0.4'], /--utilization: .*add --devices/],
    ['a run that is begun', ['--resume', '--out', 'run'], /--dry_run, --resume|dry_run/],
  ])('refuses %s', async (_, flags, message) => {
    const { code, stderr } = await rehearse('large', ...flags);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });

  it('--devices alone says what it is for', async () => {
    const { stderr } = await cli.call([
      'align',
      join(dir, 'data.jsonl'),
      '--model',
      dir,
      '--out',
      join(dir, 'r'),
      '--devices',
      'h100',
    ]);
    expect(stderr).toContain('--devices: it works out what a run would take: add --dry_run.');
  });
});
