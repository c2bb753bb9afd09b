// npm run demo from end to end, shortened, on the built command line.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAdapter } from '../src/models/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `npm test` builds first; whoever runs vitest alone in a clone without a build skips this. */
const isBuilt = existsSync(join(root, 'dist/cli/main.js'));

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'whetstone-demo-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runDemo(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'examples/demo/demo.mjs'), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
}

describe.runIf(isBuilt)('npm run demo', () => {
  it('makes a model, aligns it and shows loss, flagged tokens and the adapter', async () => {
    const out = join(folder, 'demo');
    const { status, stdout, stderr } = runDemo('--passes', '2', '--out', out);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/^\$ whetstone align .*judged\.jsonl --model .* --out .*--epochs 2 /m);

    const steps = readFileSync(join(out, 'run/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const losses = steps.map((line) => (JSON.parse(line) as { loss: number }).loss);
    const passes = [losses.slice(0, losses.length / 2), losses.slice(losses.length / 2)];
    const [first, last] = passes.map((some) => some.reduce((a, b) => a + b, 0) / some.length);
    expect(last).toBeLessThan(first!);
    expect(stdout).toContain(`from\n  ${first!.toFixed(2)} to ${last!.toFixed(2)}`);

    expect(stdout).toMatch(/^#0 align-n +\d+ of \d+ tokens flagged\n.*\njudgment: .*\n.*\[.+\]/m);
    const { tensors } = await readAdapter(join(out, 'run/adapter'));
    const trained = [...tensors].filter(([name]) => name.includes('lora_B'));
    expect(trained.length).toBeGreaterThan(0);
    for (const [, { data }] of trained) expect(data.some((x) => x !== 0)).toBe(true);
  });

  it('fails, says why and touches nothing where the folder exists', () => {
    const { status, stderr } = runDemo('--out', folder);
    expect(status).toBe(1);
    expect(stderr).toMatch(/The demo failed: EEXIST/);
    expect(readdirSync(folder)).not.toContain('model');
  });

  it('refuses a number of passes that shows nothing', () => {
    const { status, stderr } = runDemo('--passes', '1', '--out', join(folder, 'none'));
    expect(status).toBe(1);
    expect(stderr).toContain('--passes');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
