// What lies above the engine, with --engine torch: each verb says what it says with the engine in this process, and a run
// that one engine began the other ends. Most verbs join one worker, which is started once.
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecord } from '../../src/runs/record.ts';
import { tokenVariable } from '../../src/engine/torch/frames.ts';
import { buildCli, eventsIn, eventsOf } from '../cli/command.ts';
import type { Cli, Finished } from '../cli/command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { adapterOf, metricsOf } from '../cli/run.ts';
import { maxDifference, relativeError } from '../golden/golden.ts';
import { adapterValues, python, startWaitingWorker } from './engines.ts';
import type { WaitingWorker } from './engines.ts';

const token = 'a token of these tests';
const kills = Number(process.env['WHETSTONE_TORCH_KILLS'] ?? 1);
let dir: string;
let cli: Cli;
let worker: WaitingWorker;
const at = (...names: string[]): string => join(dir, ...names);
const onnx: readonly string[] = ['--threads', '1'];
/** Joins the worker that waits. */
const joined = (): readonly string[] => ['--engine', worker.engine];
/** Starts one of its own. */
const started: readonly string[] = ['--engine', 'torch', '--python', python ?? ''];

describe.skipIf(python === undefined)('with the engine torch', () => {
  beforeAll(async () => {
    process.env[tokenVariable] = token;
    dir = await mkdtemp(join(tmpdir(), 'whetstone-torch-verbs-'));
    await writeTinyModel(at('model'));
    await writeJsonl(at('data.jsonl'), judgedRows(20));
    await writeJsonl(
      at('tasks.jsonl'),
      judgedRows(30).map(({ instruction }) => ({ instruction })),
    );
    [cli, worker] = await Promise.all([buildCli('real'), startWaitingWorker(token)]);
    await run(alignArgs(at('onnx'), ...onnx));
  }, 240_000);
  afterAll(async () => {
    delete process.env[tokenVariable];
    worker?.stop();
    await cli?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  const run = async (args: readonly string[]): Promise<Finished> => {
    const finished = await cli.call(args);
    expect(finished.code, `${args.join(' ')}: ${finished.stderr}`).toBe(0);
    return finished;
  };
  const alignArgs = (out: string, ...more: readonly string[]): string[] => [
    ...[
      'align',
      at('data.jsonl'),
      '--model',
      at('model'),
      '--out',
      out,
      '--batch_size',
      '3',
      '--epochs',
      '2',
    ],
    ...['--save_steps', '4', '--save_total_limit', '9', '--warmup_steps', '2', '--lora_r', '4'],
    ...['--learning_rate', '0.01', '--report', 'false', ...more],
  ];

  /** A finished run as a kill after its checkpoint at `step` would have left it. */
  async function cutAt(step: number, from: string, to: string): Promise<void> {
    await cp(from, to, { recursive: true });
    await rm(join(to, 'adapter'), { recursive: true });
    for (const name of await readdir(join(to, 'checkpoints')))
      if (Number(name.slice('step-'.length)) > step)
        await rm(join(to, 'checkpoints', name), { recursive: true });
  }

  async function expectSameRun(run: string, other: string): Promise<void> {
    const [found, expected] = [await metricsOf(run), await metricsOf(other)];
    expect(found.map(({ step }) => step)).toEqual(expected.map(({ step }) => step));
    for (const [i, step] of found.entries()) {
      expect(Math.abs(step['loss']! - expected[i]!['loss']!), `loss of step ${i + 1}`).toBeLessThan(1e-3);
      expect(step['flagged_fraction']).toBe(expected[i]!['flagged_fraction']);
    }
    expect(relativeError(await adapterValues(run), await adapterValues(other))).toBeLessThan(1e-3);
  }

  it('align goes on with what the other engine began, either way, and says so', async () => {
    expect((await readRecord(at('onnx'))).run['engine']).toBe('onnx');
    await cutAt(4, at('onnx'), at('onnx-torch'));
    const there = await run([
      'align',
      '--out',
      at('onnx-torch'),
      '--resume',
      '--report',
      'false',
      ...joined(),
    ]);
    expect(there.stdout).toMatch(/note The run had the engine onnx, this is torch \S+, 1 rank: /);
    await expectSameRun(at('onnx-torch'), at('onnx'));
    const { run: record } = await readRecord(at('onnx-torch'));
    expect(record['engine']).toBe('onnx');
    expect(record['later_engines']).toEqual([expect.stringMatching(/^torch \S+, 1 rank$/)]);

    await run(alignArgs(at('torch'), ...started, '--nproc', '2', '--gradient_checkpointing', 'true'));
    await expectSameRun(at('torch'), at('onnx'));
    expect((await readRecord(at('torch'))).run['engine']).toMatch(/^torch \S+, 2 ranks$/);
    await cutAt(4, at('torch'), at('torch-onnx'));
    // What the run had for the engine torch does not follow it.
    const here = await run([
      'align',
      '--out',
      at('torch-onnx'),
      '--resume',
      '--report',
      'false',
      '--engine',
      'onnx',
      ...onnx,
    ]);
    expect(here.stdout).toMatch(/note The run had the engine torch \S+, 2 ranks, this is onnx: /);
    await expectSameRun(at('torch-onnx'), at('onnx'));
    const { settings, run: recorded } = await readRecord(at('torch-onnx'));
    expect([settings['engine'], settings['nproc'] ?? 1]).toEqual(['onnx', 1]);
    expect(recorded['later_engines']).toEqual(['onnx']);
  }, 240_000);

  it(
    'align that was killed ends with the same bytes, on one rank',
    async () => {
      await run(alignArgs(at('whole'), ...joined()));
      for (let round = 0; round < kills; round++) {
        const out = at(`killed-${round}`);
        const { child, finished } = cli.start(alignArgs(out, ...joined()));
        const steps = async (): Promise<number> =>
          (await readFile(join(out, 'metrics.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
        while ((await steps()) < 3 + (round % 8) && child.exitCode === null) await sleep(1);
        child.kill('SIGKILL');
        expect((await finished).code).toBe(null);
        await run(['align', '--out', out, '--resume', '--report', 'false', ...joined()]);
        expect(await metricsOf(out)).toEqual(await metricsOf(at('whole')));
        expect(await adapterOf(out)).toEqual(await adapterOf(at('whole')));
      }
    },
    120_000 + 60_000 * kills,
  );

  it('score, generate and merge say what they say with the engine onnx', async () => {
    const adapter = ['--model', at('model'), '--adapter', at('onnx', 'adapter')];
    const scored = async (name: string, engine: readonly string[]): Promise<ScoredRow[]> => {
      await run(['score', at('data.jsonl'), ...adapter, '--out', at(name), ...engine]);
      return (await readFile(at(name), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as ScoredRow);
    };
    const [there, here] = [await scored('there.jsonl', joined()), await scored('here.jsonl', onnx)];
    expect(there).toHaveLength(20);
    expect(here.some(({ flagged }) => flagged?.includes(true))).toBe(true);
    for (const [i, row] of there.entries()) {
      expect(row.flagged).toEqual(here[i]!.flagged);
      expect(maxDifference(row.logprob, here[i]!.logprob)).toBeLessThan(2e-4);
      if (row.logprob_judged)
        expect(maxDifference(row.logprob_judged, here[i]!.logprob_judged!)).toBeLessThan(2e-4);
    }

    const generated = async (engine: readonly string[], ...more: string[]): Promise<string> => {
      const out = at(`generated-${engine.join('').length}-${more.length}.jsonl`);
      await run(['generate', '--file', at('tasks.jsonl'), ...adapter, '--out', out, '--max_new_tokens', '40', ...more, ...engine]); // prettier-ignore
      return readFile(out, 'utf8');
    };
    for (const more of [[], ['--temperature', '0.7', '--top_p', '0.9', '--seed', '3']]) {
      const text = await generated(joined(), ...more);
      expect(text.trim().split('\n')).toHaveLength(30);
      expect(text).toBe(await generated(onnx, ...more));
    }

    const merged = async (out: string, engine: readonly string[]): Promise<Record<string, unknown>> => {
      const { stdout, code } = await cli.call(['merge', ...adapter, '--out', at(out), '--json', ...engine]);
      expect(code).toBe(0);
      return eventsOf(stdout, 'merged')[0]!['check'] as Record<string, unknown>;
    };
    const [checked, expected] = [await merged('merged-there', joined()), await merged('merged-here', onnx)];
    expect(checked['tokens']).toBe(expected['tokens']);
    expect(checked['adapter_effect']).toBeCloseTo(expected['adapter_effect'] as number, 4);
    expect(checked['mean_difference']).toBeLessThan(checked['tolerance'] as number);
  }, 120_000);

  it('evaluate has the figures of the engine onnx', async () => {
    const golden = join(process.cwd(), 'test/golden/lm_eval');
    const evaluated = async (name: string, engine: readonly string[]): Promise<[string, number][]> => {
      const tasks = ['--tasks', 'arc_challenge,truthfulqa', '--data', join(golden, 'data')];
      const model = join(golden, 'models/pieces');
      await run(['evaluate', '--model', `base=${model}`, ...tasks, '--out', at(name), ...engine]);
      const { rows } = JSON.parse(await readFile(at(name, 'results.json'), 'utf8')) as {
        rows: { task: string; metric: string; models: Record<string, { value: number }> }[];
      };
      return rows.map(({ task, metric, models }) => [`${task} ${metric}`, models['base']!.value]);
    };
    const there = await evaluated('evaluated-there', joined());
    const here = await evaluated('evaluated-here', onnx);
    expect(there.map(([name]) => name)).toEqual(here.map(([name]) => name));
    for (const [i, [name, value]] of there.entries()) expect(value, name).toBeCloseTo(here[i]![1], 5);
  }, 120_000);

  it('online responds, judges and trains for two rounds as with the engine onnx', async () => {
    const critic = `
      import { createInterface } from 'node:readline';
      for await (const line of createInterface({ input: process.stdin })) {
        const { id, output } = JSON.parse(line);
        console.log(JSON.stringify({ id, judgment: output.length % 2 === 0 ? null : 'It is of an odd length.' }));
      }`;
    await writeFile(at('critic.mjs'), critic);
    const online = (out: string, engine: readonly string[]): Promise<Finished> =>
      run([
        ...['online', '--model', at('model'), '--instructions', at('tasks.jsonl'), '--out', at(out)],
        ...[
          '--judge',
          `cmd:node ${at('critic.mjs')}`,
          '--rounds',
          '2',
          '--per_round',
          '8',
          '--eval_size',
          '4',
        ],
        ...['--max_new_tokens', '10', '--batch_size', '2', '--lora_r', '4', '--learning_rate', '0.01'],
        ...['--temperature', '0.8', ...engine],
      ]);
    await online('online-there', joined());
    await online('online-here', onnx);
    for (const round of ['1', '2']) {
      const judged = (out: string): Promise<string> =>
        readFile(at(out, 'rounds', round, 'judged.jsonl'), 'utf8');
      expect(await judged('online-there')).toBe(await judged('online-here'));
    }
    await expectSameRun(at('online-there'), at('online-here'));
  }, 240_000);

  it('serve answers as with the engine onnx, streamed or not, several at once', async () => {
    const model = join(process.cwd(), 'models/world-64');
    const answers = async (engine: readonly string[]): Promise<unknown> => {
      const { child, finished } = cli.start([
        ...['serve', '--model', model, '--template', join(model, 'template.json'), '--port', '0', '--json'],
        ...engine,
      ]);
      try {
        const url = await new Promise<string>((resolve, reject) => {
          let text = '';
          child.stdout!.on('data', (part: string) => {
            text += part;
            const found = text.endsWith('\n')
              ? eventsIn(text).find(({ url }) => url !== undefined)
              : undefined;
            if (found) resolve(found['url'] as string);
          });
          void finished.then(({ stderr }) => reject(new Error(stderr)));
        });
        const ask = async (content: string, more: object = {}): Promise<string> => {
          const response = await fetch(`${url}/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({
              model: 'world-64',
              messages: [{ role: 'user', content }],
              ...{ max_tokens: 24, temperature: 0, ...more },
            }),
          });
          expect(response.status).toBe(200);
          return response.text();
        };
        const textOf = (body: string): string =>
          (JSON.parse(body) as { choices: [{ message: { content: string } }] }).choices[0].message.content;
        const streamed = (body: string): string =>
          body
            .split('\n')
            .filter((line) => line.startsWith('data: {'))
            .map((line) => JSON.parse(line.slice(6)) as { choices: { delta?: { content?: string } }[] })
            .map(({ choices }) => choices[0]?.delta?.content ?? '')
            .join('');
        const questions = ['Say river three times.', 'Say stone two times.', 'Say river.', 'Count to four.'];
        const together = (await Promise.all(questions.map((question) => ask(question)))).map(textOf);
        const alone = streamed(await ask(questions[0]!, { stream: true }));
        expect(alone).toBe(together[0]);
        return [...together, textOf(await ask(questions[1]!, { temperature: 0.9, seed: 4 }))];
      } finally {
        child.kill('SIGTERM');
        await finished;
      }
    };
    const there = await answers(joined());
    expect(there).toEqual(await answers(onnx));
  }, 120_000);

  it('doctor finds it right', async () => {
    const { stdout } = await run(['doctor', '--json', ...joined()]);
    const [examined] = eventsOf(stdout, 'engine');
    expect(examined).toMatchObject({ healthy: true, problem: null, python: null });
    expect(examined!['checks']).toHaveLength(4);
    const own = eventsOf((await run(['doctor', '--json', ...started])).stdout, 'engine')[0]!;
    expect(own).toMatchObject({ healthy: true, python, problem: null });
    expect((own['has'] as { packages: { torch: string } }).packages.torch).toMatch(/^\d/);
    expect((own['finds'] as { backends: string[] }).backends).toContain('gloo');
  }, 120_000);
});

interface ScoredRow {
  readonly logprob: number[];
  readonly logprob_judged: number[] | null;
  readonly flagged: boolean[] | null;
}
