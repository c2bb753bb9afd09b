// npm run demo from end to end, shortened, on the built command line and the model that comes with the project.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoSummary } from '../lab/demo/index.ts';
import { readAdapter, readDecoderConfig } from '../src/models/index.ts';
import { worldModelDir } from '../lab/world/model.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `npm test` builds first; whoever runs vitest alone in a clone without a build skips this. */
const isBuilt = existsSync(join(root, 'dist/cli/main.js'));

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'whetstone-demo-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runDemo(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'demo', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
}

describe.runIf(isBuilt)('the demonstration', () => {
  it('learns from judgments, says so, and leaves figures and a report that agree', async () => {
    const { status, stdout, stderr } = runDemo('--instructions', '320', '--tests', '150');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).not.toContain('\x1b');
    const out = join(folder, 'runs/demo');
    const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as DemoSummary;
    const { base, aligned, gain, triplets, families } = summary;
    // A third of the judgments that the whole demonstration has.
    expect(aligned.success_rate - base.success_rate).toBeGreaterThan(0.15);
    expect(gain.low).toBeGreaterThan(0);
    expect(gain.value).toBeCloseTo(aligned.success_rate - base.success_rate, 9);
    const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
    expect(stdout).toContain(`${percent(base.success_rate)} before, ${percent(aligned.success_rate)} after`);
    const overall =
      Object.values(families).reduce((sum, own) => sum + own.aligned * own.tests, 0) / summary.tests;
    expect(overall).toBeCloseTo(aligned.success_rate, 9);

    const rows = readFileSync(join(out, 'judged.jsonl'), 'utf8').trimEnd().split('\n');
    const judgments = rows.map((row) => (JSON.parse(row) as { judgment: string | null }).judgment);
    expect([rows.length, judgments.filter((j) => j !== null).length]).toEqual([320, triplets.unsatisfactory]);
    expect(stdout).toContain(judgments.find((j) => j !== null && stdout.includes(j)) ?? 'no judgment');
    expect(stdout).toMatch(/answer +.*\[.+\]/);

    const report = readFileSync(join(out, 'report.html'), 'utf8');
    expect(report).toContain(percent(aligned.success_rate));
    expect(report).not.toMatch(/(?:src|href)="https?:/);
    const { tensors } = await readAdapter(join(out, 'run/adapter'), await readDecoderConfig(worldModelDir()));
    const trained = [...tensors].filter(([name]) => name.includes('lora_B'));
    expect(trained.length).toBeGreaterThan(0);
    for (const [, { data }] of trained) expect(data.some((x) => x !== 0)).toBe(true);
  });

  it('touches no folder that is there already', () => {
    const { status, stderr } = runDemo('--out', folder);
    expect(status).toBe(2);
    expect(stderr).toContain('nothing of it is overwritten');
    expect(readdirSync(folder)).not.toContain('judged.jsonl');
  });

  it('refuses numbers that show nothing', () => {
    const { status, stderr } = runDemo('--instructions', '1', '--out', join(folder, 'none'));
    expect(status).toBe(2);
    expect(stderr).toContain('--instructions');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
