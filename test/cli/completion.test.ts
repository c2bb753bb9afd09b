// Completion as the shells themselves do it, from the scripts that the built command prints.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methodNames } from '../../src/alignment/methods.ts';
import { dataCheckTable } from '../../src/options/verbs/data.ts';
import { alignTable } from '../../src/options/verbs/training.ts';
import { buildCli } from './command.ts';

type Shell = 'bash' | 'zsh' | 'fish';
let dir: string;
const scripts = {} as Record<Shell, string>;
const installed = (shell: Shell): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-completion-'));
  await mkdir(join(dir, 'cwd/my models'), { recursive: true });
  await writeFile(join(dir, 'cwd/judged rows.jsonl'), '');
  const cli = await buildCli('real');
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const { code, stdout, stderr } = await cli.call(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    scripts[shell] = join(dir, `_${shell}`);
    await writeFile(scripts[shell], stdout);
  }
  const none = await cli.call(['completion', 'tcsh']);
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/SHELL: expected one of bash, zsh, fish, powershell, found "tcsh"/);
  await cli.remove();
}, 240_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

const complete: Record<Shell, (line: string) => string[]> = {
  bash: (line) => {
    // As readline splits the line: "=" is a word of its own.
    const words = line.split(/ |(?==)|(?<==)/).map((word) => `'${word}'`);
    const script = `source "$0"; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _whetstone; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shown('bash', ['-c', script, scripts.bash]);
  },
  fish: (line) =>
    shown('fish', ['-N', '-c', `source $argv[1]; complete -C ${JSON.stringify(line)}`, scripts.fish]).map(
      (each) => each.split('\t')[0]!,
    ),
  // Its line editor needs a terminal.
  zsh: (line) => shown('zsh', ['-f', join(import.meta.dirname, 'zsh-completions.zsh'), scripts.zsh, line]),
};

const shown = (shell: Shell, args: string[]): string[] =>
  execFileSync(shell, args, { encoding: 'utf8', cwd: join(dir, 'cwd'), env: { ...process.env, HOME: dir } })
    .split('\n')
    .map((each) => each.trim())
    .filter((each) => each !== '');

const missing = (['bash', 'zsh', 'fish'] as const).filter((shell) => !installed(shell));
if (missing.length > 0) console.log(`Completion is not tested in ${missing.join(', ')}: not installed here.`);

describe.each((['bash', 'zsh', 'fish'] as const).filter(installed))('%s', (shell) => {
  const after = (line: string): string[] => complete[shell](line);

  it('knows the verbs, and the verbs of verbs', () => {
    const verbs = after('whetstone ');
    expect(verbs).toEqual(
      expect.arrayContaining(['align', 'train-judge', 'data', 'world', 'completion', 'help']),
    );
    expect(verbs).not.toContain('reproduce-worker');
    expect(after('whetstone tra')).toEqual(['train-judge']);
    expect(after('whetstone data ')).toEqual(['check', 'convert']);
  });

  it('knows every flag of a verb, and those that each verb has', () => {
    const flagsOf = (table: object): string[] =>
      Object.entries(table)
        .filter(([, setting]) => !(setting as { positional?: boolean }).positional)
        .map(([name]) => `--${name}`);
    expect(after('whetstone align --')).toEqual(
      expect.arrayContaining([...flagsOf(alignTable), '--config', '--quiet', '--json']),
    );
    const check = after('whetstone data check --');
    expect(check).toEqual(expect.arrayContaining([...flagsOf(dataCheckTable), '--show']));
    expect(check).not.toContain('--learning_rate');
    expect(after('whetstone align --learning')).toEqual(['--learning_rate']);
  });

  it('knows choices', () => {
    expect(after('whetstone align --method ').sort()).toEqual([...methodNames()].sort());
    expect(after('whetstone align x.jsonl --quiet --preset rel')).toEqual(['released-code']);
    expect(after('whetstone completion z')).toEqual(['zsh']);
  });

  it('completes files and folders, with spaces too', () => {
    const plain = (found: string[]): string[] => found.map((each) => each.replace(/[/\\]/g, ''));
    expect(plain(after('whetstone align j'))).toEqual(['judged rows.jsonl']);
    expect(plain(after('whetstone data check j'))).toEqual(['judged rows.jsonl']);
    expect(plain(after('whetstone align --model m'))).toEqual(['my models']);
    expect(plain(after('whetstone align --model j'))).toEqual([]);
    expect(plain(after('whetstone align --model=m')).map((each) => each.replace('--model=', ''))).toEqual([
      'my models',
    ]);
    expect(plain(after('whetstone align --config j'))).toEqual(['judged rows.jsonl']);
  });

  it('completes no number', () => expect(after('whetstone align --lora_r ')).toEqual([]));
});
