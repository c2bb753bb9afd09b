// Every verb with --quiet and with --json: what a program reads of both streams, and what stays when only results are
// wanted.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { token } from '../../src/hub/fake-hub.test-helper.ts';
import { startWritableHub } from '../../src/hub/writable-hub.test-helper.ts';
import type { WritableHub } from '../../src/hub/writable-hub.test-helper.ts';
import { buildCli, eventsIn, eventsOf } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

let dir: string;
let hub: WritableHub;
let cli: Cli;
/** With the real engine. */
let real: Cli;
let runs = 0;
const at = (name: string): string => join(dir, name);
const rows = judgedRows(9);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-manners-'));
  await writeTinyModel(at('model'));
  await writeJsonl(at('data.jsonl'), rows);
  await writeJsonl(
    at('unjudged.jsonl'),
    rows.map(({ instruction, output }) => ({ instruction, output })),
  );
  await writeJsonl(at('held-out.jsonl'), rows);
  const say = `process.stdout.write(JSON.stringify({ id: JSON.parse(line).id, judgment: line.length % 2 ? null : 'It is wrong.' }) + '\\n')`;
  await writeFile(
    at('critic.mjs'),
    `import { createInterface } from 'node:readline';\nfor await (const line of createInterface({ input: process.stdin })) ${say};\n`,
  );
  hub = await startWritableHub();
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_TOKEN', token);
  real = await buildCli('real');
  expect((await real.run(['align', ...training(at('real-run'))])).code).toBe(0);
  cli = await buildCli('fake');
  expect((await cli.run(['align', ...training(at('run'))])).code).toBe(0);
}, 240_000);
afterAll(async () => {
  await Promise.all([cli.remove(), real.remove(), hub.close()]);
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

const model = (): string[] => ['--model', at('model')];
const training = (out: string): string[] => [
  ...[at('data.jsonl'), ...model(), '--out', out, '--batch_size', '3', '--max_steps', '2'],
  ...['--warmup_steps', '0'],
];
const critic = (): string[] => ['--judge', `cmd:node ${at('critic.mjs')}`];

interface Case {
  readonly args: (out: string) => string[];
  /** The types of the events on the standard output: results, which --quiet leaves, and what is told beside them. */
  readonly results: readonly string[];
  readonly told: readonly string[];
  /** Whether it takes the real engine. */
  readonly real?: true;
}

const cases: Readonly<Record<string, Case>> = {
  align: { args: training, results: [], told: ['plan', 'done', 'next'] },
  report: { args: () => [at('run')], results: ['report'], told: [] },
  doctor: { args: () => ['--device', 'cpu'], results: ['device', 'memory'], told: [] },
  score: { args: () => [at('data.jsonl'), ...model()], results: ['score'], told: [] },
  'score to a file': {
    args: (out) => [at('data.jsonl'), ...model(), '--out', out],
    results: [],
    told: ['done'],
  },
  generate: { args: () => [...model(), '--instruction', 'Say it.'], results: ['response'], told: [] },
  'generate of a file': {
    args: () => [...model(), '--file', at('data.jsonl')],
    results: ['response'],
    told: [],
  },
  'generate to a file': {
    args: (out) => [...model(), '--file', at('data.jsonl'), '--out', out],
    results: [],
    told: ['done'],
  },
  evaluate: {
    args: (out) => [
      ...[...model(), '--tasks', 'held_out', '--data', `held_out=${at('held-out.jsonl')}`],
      ...['--out', out, '--resamples', '20'],
    ],
    results: ['comparison'],
    told: ['plan', 'done'],
  },
  'train-judge': {
    args: (out) => [...training(out), '--held_out', '0.4', '--max_new_tokens', '8'],
    results: ['agreement'],
    told: ['plan', 'trained'],
  },
  merge: {
    args: (out) => [...model(), '--adapter', at('real-run/adapter'), '--out', out],
    real: true,
    results: [],
    told: ['merged', 'next'],
  },
  export: { args: (out) => [...model(), '--out', `${out}.gguf`], results: [], told: ['exported'] },
  push: { args: (out) => [at('run'), `ink/${basename(out)}`], results: ['pushed'], told: [] },
  online: {
    args: (out) => [
      ...[...model(), ...critic(), '--instructions', at('unjudged.jsonl'), '--rounds', '1'],
      ...['--per_round', '4', '--eval_size', '2', '--batch_size', '2', '--max_new_tokens', '4', '--out', out],
    ],
    results: [],
    told: ['plan', 'evaluated', 'round', 'judge', 'done', 'next'],
  },
  judge: {
    args: (out) => [at('unjudged.jsonl'), ...critic(), '--out', `${out}.jsonl`],
    results: [],
    told: ['plan', 'judged'],
  },
  'judge of a dry run': {
    args: (out) => [at('unjudged.jsonl'), ...critic(), '--out', `${out}.jsonl`, '--dry_run'],
    results: ['estimate'],
    told: [],
  },
  'data check': { args: () => [at('data.jsonl')], results: ['report'], told: [] },
  'data convert': {
    args: (out) => [at('data.jsonl'), '--out', `${out}.jsonl`],
    results: [],
    told: ['converted'],
  },
  completion: { args: () => ['bash'], results: ['script'], told: [] },
  demo: {
    args: (out) => ['--instructions', '8', '--tests', '2', '--out', out],
    results: ['summary'],
    told: ['begin', 'judged', 'base', 'plan', 'next'],
  },
  'world pretrain': {
    args: (out) => [
      ...['--hidden_size', '16', '--intermediate_size', '24', '--heads', '2', '--layers', '1'],
      ...['--tokens', '2000', '--batch_tokens', '500', '--out', out],
    ],
    results: [],
    told: ['assessed', 'done'],
  },
  'world tasks': {
    args: (out) => ['--count', '3', '--out', out],
    results: [],
    told: [],
  },
  reproduce: {
    args: (out) => [
      ...['detection', '--out', out, '--seeds', '1', '--jobs', '1'],
      ...['--train', '16', '--test', '8'],
    ],
    results: ['table'],
    told: ['plan', 'done'],
  },
};

const verbOf = (name: string): string[] => name.replace(/ (to|of) .*/, '').split(' ');
const run = (how: 'run' | 'call', name: string, ...more: string[]): Promise<Finished> =>
  (cases[name]!.real ? real : cli)[how](
    [...verbOf(name), ...cases[name]!.args(at(`out-${runs++}`)), ...more],
    { cwd: dir },
  );

it('every verb that --help lists has its case; serve and studio have tests of their own', async () => {
  const listed = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await cli.call([...args, '--help']);
    const [, commands = ''] = /^Commands:\n([^]*?)\n\n/m.exec(`${stdout}\n\n`) ?? [];
    return [...commands.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name!);
  };
  const verbs: string[] = [];
  for (const name of await listed()) {
    const own = await listed(name);
    verbs.push(...(own.length > 0 && name !== 'help' ? own.map((each) => `${name} ${each}`) : [name]));
  }
  const tested = new Set(Object.keys(cases).map((name) => verbOf(name).join(' ')));
  expect(verbs.filter((verb) => !tested.has(verb)).sort()).toEqual(['help', 'serve', 'studio']);
}, 240_000);

describe.each(Object.entries(cases))('%s', (name, { results, told }) => {
  const kinds = (stream: string): string[] => [...new Set(eventsIn(stream).map(({ type }) => type))];

  it('--json: an object a line', async () => {
    const { code, stdout, stderr } = await run('run', name, '--json');
    expect([code, eventsOf(stderr, 'error')]).toEqual([0, []]);
    expect(kinds(stdout).sort()).toEqual([...results, ...told].sort());
    const beside = ['progress', 'note', 'model', 'stopping', 'done'];
    expect(kinds(stderr).filter((type) => !beside.includes(type))).toEqual([]);
    for (const { type, ...fields } of [...eventsIn(stdout), ...eventsOf(stderr, 'note')])
      expect(Object.keys(fields), type).not.toEqual([]);
  });

  // In words what a verb prints is the same with or without --json but for its form, which three verbs show.
  it.runIf(['align', 'score', 'judge'].includes(name))('--quiet: results alone', async () => {
    const { code, stdout, stderr } = await run('run', name, '--quiet');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout === '').toBe(results.length === 0);
  });

  it('--quiet --json: results alone, as objects', async () => {
    const { code, stdout, stderr } = await run('call', name, '--quiet', '--json');
    expect([code, stderr]).toEqual([0, '']);
    expect(kinds(stdout)).toEqual(results);
  });

  it('--json: what is misused is an object too', async () => {
    for (const manner of [['--json'], ['--json', '--quiet']]) {
      const { code, stdout, stderr } = await run('call', name, ...manner, '--no_such_thing', '1');
      expect([code, stdout]).toEqual([2, '']);
      expect(eventsIn(stderr)).toMatchObject([
        { type: 'error', code: 'INVALID_OPTIONS', hint: expect.stringContaining('--help') as string },
      ]);
      expect(stderr).toContain('--no_such_thing: no such option');
    }
  });
});

describe('errors as events', () => {
  const error = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout, stderr } = await cli.call([...args, '--json'], { cwd: dir });
    expect(stdout).toBe('');
    const [first, ...others] = eventsIn(stderr).filter(({ type }) => type !== 'progress');
    expect(others).toEqual([]);
    return first!;
  };

  it('have code, place, problem and remedy as fields', async () => {
    await writeFile(at('bad.jsonl'), '{"instruction": "a", "output": 5, "judgment": null}\n');
    expect(await error('data', 'convert', 'bad.jsonl', '--out', 'x.jsonl')).toMatchObject({
      type: 'error',
      code: 'INVALID_ROWS',
      place: { file: 'bad.jsonl', row: 1, field: 'output' },
      message: expect.stringContaining('expected a string, found the number 5') as string,
    });
    expect(await error('data', 'check', 'gone.jsonl')).toMatchObject({
      code: 'FILE_NOT_FOUND',
      place: { file: 'gone.jsonl' },
      hint: 'Check the path.',
    });
  });

  it('list all that is wrong', async () => {
    const { code, problems } = await error('align', '--lambda', 'x', '--epochs', '0');
    expect(code).toBe('INVALID_OPTIONS');
    const said = (problems as { problem: string }[]).map(({ problem }) => problem);
    expect(said.filter((each) => /^--(lambda|epochs): expected/.test(each))).toHaveLength(2);
  });

  it('are there for a verb that is none, and whatever the order of flags', async () => {
    expect(await error('--quiet', 'algin')).toMatchObject({
      code: 'INVALID_OPTIONS',
      problem: expect.stringContaining('did you mean align?') as string,
    });
    const { stderr } = await cli.call(['--json', 'data', 'check', 'gone.jsonl'], { cwd: dir });
    expect(eventsIn(stderr)).toHaveLength(1);
  });

  it('do not confuse a value that looks like them', async () => {
    const { code, stdout } = await cli.call(['generate', ...model(), '--instruction', '--json']);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/^\{"type"/);
  });
});

it('what a terminal would obey is escaped in objects, and visible in words', async () => {
  const evil = 'a\u001b[2Jb\u009b31mc\u007f';
  await writeJsonl(at('evil.jsonl'), [{ instruction: evil, output: evil, judgment: evil }]);
  for (const args of [
    ['score', 'evil.jsonl', ...model()],
    ['score', 'evil.jsonl', ...model(), '--json'],
    ['score', 'evil.jsonl', ...model(), '--out', '-'],
    ['data', 'check', 'evil.jsonl'],
    ['data', 'convert', 'evil.jsonl', '--out', '-'],
    ['data', 'check', `${evil}.jsonl`],
    ['data', 'check', `${evil}.jsonl`, '--json'],
    [evil],
    ['align', `--${evil}`, evil],
    ['generate', ...model(), '--file', 'evil.jsonl'],
  ]) {
    const { stdout, stderr } = await cli.call(args, { cwd: dir });
    // eslint-disable-next-line no-control-regex
    expect(stdout + stderr, args.join(' ')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    if (args.includes('--json') || args.includes('-'))
      for (const line of `${stdout}${stderr.startsWith('{') ? stderr : ''}`.trimEnd().split('\n'))
        expect(() => JSON.parse(line) as unknown).not.toThrow();
  }
  const { stdout } = await cli.call(['data', 'convert', 'evil.jsonl', '--out', '-'], { cwd: dir });
  expect(JSON.parse(stdout)).toMatchObject({ instruction: evil, output: evil, judgment: evil });
});

describe('serve', () => {
  const serve = async (...more: string[]): Promise<Finished> => {
    const { child, finished } = cli.start(['serve', ...model(), '--port', '0', ...more]);
    const url = await new Promise<string>((resolve) => {
      let said = '';
      child.stdout!.on('data', (text: string) => {
        said += text;
        const [, found] = /(http:\/\/[\w.:[\]]+)\/v1/.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    await (await fetch(`${url}/v1/models`)).text();
    child.kill('SIGTERM');
    return finished;
  };

  it('says in each manner where it is', async () => {
    const plain = await serve();
    expect(plain.stdout).toMatch(/^Serving model at http:\S+\/v1\n$/);
    expect(plain.stderr).toMatch(/GET \/v1\/models/);
    const json = await serve('--json');
    expect(eventsIn(json.stdout)).toMatchObject([{ type: 'serving', models: ['model'] }]);
    expect(eventsOf(json.stderr, 'request')).toHaveLength(1);
    expect(eventsOf(json.stderr, 'stopping')).toHaveLength(1);
    const quiet = await serve('--quiet');
    expect(quiet.stdout).toBe(plain.stdout.replace(/:\d+/, /:\d+/.exec(quiet.stdout)![0]));
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  });
});

/** Its page is that of `dist/`, as the build left it. */
describe('studio', () => {
  const studio = async (...more: string[]): Promise<Finished> => {
    const { child, finished } = cli.start([
      'studio',
      '--port',
      '0',
      '--runs',
      dir,
      '--open',
      'false',
      ...more,
    ]);
    const link = await new Promise<string>((resolve) => {
      let said = '';
      child.stdout!.on('data', (text: string) => {
        said += text;
        const [found] = /http:[^\s"]+/.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    expect((await fetch(link)).status).toBe(200);
    child.kill('SIGTERM');
    return finished;
  };

  it('says in each manner where it is, and nothing more when it ends', async () => {
    const plain = await studio();
    expect(plain.stdout).toMatch(/^The studio is at\n {2}http:\S+\?token=\S+\nCtrl\+C ends it\.\n$/);
    const json = await studio('--json');
    expect(eventsIn(json.stdout)).toMatchObject([
      { type: 'studio', url: expect.stringMatching(/^http:/) as string },
    ]);
    const quiet = await studio('--quiet');
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  });
});
