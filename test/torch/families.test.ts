// Families that only transformers knows, which the engine in this process cannot be asked about: golden values of plain
// PyTorch loops (golden/generate.py), and the command line on one of them.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OptimizerSettings } from '../../src/engine/index.ts';
import { defaultAdamW, defaultLora } from '../../src/engine/index.ts';
import { tokenVariable } from '../../src/engine/torch/frames.ts';
import type { TorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { openTorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { keyPrefix, readAdapter } from '../../src/models/index.ts';
import { trainTokenizer, writeTokenizer } from '../../src/tokens/train-tokenizer.ts';
import { cut } from '../../src/objectives/index.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { judgedRows, writeJsonl } from '../cli/fixtures.ts';
import { metricsOf } from '../cli/run.ts';
import type { GoldenSequence, GoldenTriplet } from '../golden/golden.ts';
import { maxDifference, readFloats, relativeError, toExample, toSequence } from '../golden/golden.ts';
import type { Recipe } from '../golden/trajectory.ts';
import { followTrajectory, objectiveOf } from '../golden/trajectory.ts';
import { openTorch, python, startWaitingWorker } from './engines.ts';
import type { WaitingWorker } from './engines.ts';

const families = ['gpt_neox', 'phi', 'opt'];
const folderOf = (family: string): string => join(process.cwd(), 'test/torch/golden', family);
const read = <T>(family: string, file: string): T =>
  JSON.parse(readFileSync(join(folderOf(family), file), 'utf8')) as T;
const still: OptimizerSettings = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };
const lora = { ...defaultLora, dropout: 0 };

interface Losses {
  readonly triplets: readonly GoldenTriplet[];
  readonly losses: readonly (Recipe & { name: string; loss: number; flags: (number[] | null)[] })[];
}

describe.skipIf(python === undefined)('of families that only transformers knows, the engine torch', () => {
  const token = 'a token of the families';
  let worker: WaitingWorker;
  let dir: string;
  beforeAll(async () => {
    process.env[tokenVariable] = token;
    dir = await mkdtemp(join(tmpdir(), 'whetstone-torch-families-'));
    worker = await startWaitingWorker(token);
  }, 240_000);
  afterAll(async () => {
    delete process.env[tokenVariable];
    worker?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const open = (family: string, adapter: string | null): Promise<TorchEngine> =>
    openTorchEngine(
      {
        modelDir: folderOf(family),
        ...(adapter !== null && { adapterDir: join(folderOf(family), adapter), lora }),
      },
      { engine: worker.engine },
    );

  /** Losses, flags and gradients of the golden objectives that have their gradients stored. */
  async function expectGradients(engine: TorchEngine, family: string): Promise<void> {
    const { triplets, losses } = read<Losses>(family, 'losses.json');
    const stored = await readFloats(join(folderOf(family), 'gradients.safetensors'));
    for (const golden of losses) {
      const metrics = await engine.step(triplets.map(toExample), objectiveOf(golden), still);
      expect(Math.abs(metrics.loss - golden.loss) / Math.abs(golden.loss), golden.name).toBeLessThan(1e-5);
      if (golden.kind !== 'likelihood')
        expect(metrics.flaggedTokens).toBe(
          golden.flags.flatMap((flags) => flags ?? []).filter(Boolean).length,
        );
      const keyOf = (name: string): string => `${golden.name}/${keyPrefix}${name}`;
      const { parameters } = engine.layout;
      if (!stored.has(keyOf(parameters[0]!.name))) continue;
      const gradient = await engine.gradient();
      for (const { name, offset, size } of parameters) {
        const found = gradient.subarray(offset, offset + size);
        expect(relativeError(found, stored.get(keyOf(name))!), `${golden.name} ${name}`).toBeLessThan(1e-4);
      }
    }
  }

  it.each(families)(
    'has log-probs, losses, gradients, 30 steps and greedy text of PyTorch: %s',
    async (family) => {
      const sequences = read<GoldenSequence[]>(family, 'sequences.json');
      const base = await open(family, null);
      const scored = await base.score(sequences.map(toSequence));
      for (const [i, { logprobs }] of sequences.entries())
        expect(maxDifference(scored[i]!, logprobs)).toBeLessThan(2e-4);
      await base.dispose();

      const adapted = await open(family, 'adapter');
      const [present, initial] = [
        await adapted.score(sequences.map(toSequence)),
        await adapted.score(sequences.map(toSequence), 'initial'),
      ];
      for (const [i, { adapter_logprobs: expected }] of sequences.entries()) {
        expect(maxDifference(present[i]!, expected)).toBeLessThan(2e-4);
        expect(maxDifference(initial[i]!, expected)).toBeLessThan(2e-4);
      }
      await expectGradients(adapted, family);
      const greedy = read<{ prompt: number[]; ids: number[] }[]>(family, 'greedy.json');
      const said = await adapted.generate(
        greedy.map(({ prompt }) => ({
          prompt: Int32Array.from(prompt),
          sampling: { maxNewTokens: 64, temperature: 0 },
          endTokens: new Set<number>(),
        })),
      );
      expect(said.map(({ ids }) => [...ids])).toEqual(greedy.map(({ ids }) => ids));
      await adapted.dispose();

      const trained = await open(family, 'trajectory/start');
      await followTrajectory(trained, folderOf(family));
      const layers = { layers: 0, projections: projectionsOf(trained) };
      const final = await readAdapter(join(folderOf(family), 'trajectory/final'), layers);
      const { parameters } = await trained.trainingState();
      for (const { name, offset, size } of trained.layout.parameters) {
        const found = parameters.subarray(offset, offset + size);
        expect(relativeError(found, final.tensors.get(name)!.data), name).toBeLessThan(1e-3);
      }
      await trained.dispose();
    },
    240_000,
  );

  // Query, key and value in one matrix and a head stored under another name; and embeddings that are tied to the head.
  it.each(['gpt_neox', 'opt'])(
    'has on two ranks the losses and the adapter of one: %s',
    async (family) => {
      const { triplets } = read<Losses>(family, 'losses.json');
      const batch = triplets.map(toExample);
      const options = { modelDir: folderOf(family), adapterDir: join(folderOf(family), 'adapter'), lora };
      const one = await open(family, 'adapter');
      // Few tokens at a time, so that a step accumulates.
      const two = await openTorch(options, { nproc: 2, rowTokens: 20 });
      const adam = { ...defaultAdamW, learningRate: 0.005 };
      for (const rows of [batch.slice(0, 3), batch.slice(0, 1), batch, batch]) {
        const [single, spread] = [await one.step(rows, cut(), adam), await two.step(rows, cut(), adam)];
        expect(Math.abs(spread.loss - single.loss)).toBeLessThan(1e-5 * Math.max(1, single.loss));
        expect(spread.flaggedTokens).toBe(single.flaggedTokens);
      }
      const [single, spread] = [await one.trainingState(), await two.trainingState()];
      expect(relativeError(spread.parameters, single.parameters)).toBeLessThan(1e-4);
      await one.dispose();
      await two.dispose();
    },
    240_000,
  );

  it('aligns, goes on from an adapter, generates and reports on the command line', async () => {
    const model = join(dir, 'model');
    await cp(folderOf('gpt_neox'), model, { recursive: true });
    const texts = judgedRows(30).flatMap(({ instruction, output, judgment }) => [
      instruction,
      output,
      judgment ?? '',
    ]);
    await writeTokenizer(model, trainTokenizer(texts, { vocabSize: 320 }));
    await writeJsonl(join(dir, 'data.jsonl'), judgedRows(8));
    const cli: Cli = await buildCli('real');
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await cli.call([...args, '--engine', worker.engine]);
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const align = (out: string, ...more: string[]): Promise<string> =>
      run(
        ...['align', join(dir, 'data.jsonl'), '--model', model, '--out', join(dir, out), '--batch_size', '4'],
        ...['--warmup_steps', '0', '--learning_rate', '0.01', ...more],
      );
    await align(
      'first',
      '--lora_target_modules',
      'query_key_value,dense',
      '--lora_r',
      '3',
      '--report',
      'false',
    );
    await align('second', '--adapter', join(dir, 'first'));
    const { r, target_modules: targets } = JSON.parse(
      await readFile(join(dir, 'second/adapter/adapter_config.json'), 'utf8'),
    ) as { r: number; target_modules: string[] };
    expect([r, ...targets.sort()]).toEqual([3, 'dense', 'query_key_value']);
    expect(await readFile(join(dir, 'second/report.html'), 'utf8')).toContain('</html>');
    const [first, second] = [await metricsOf(join(dir, 'first')), await metricsOf(join(dir, 'second'))];
    expect(second[0]!['loss']).toBeLessThan(first[0]!['loss']!);
    const said = await run('generate', '--model', model, '--adapter', join(dir, 'second/adapter'), '--prompt', 'The', '--max_new_tokens', '8'); // prettier-ignore
    expect(said.length).toBeGreaterThan(0);
    await cli.remove();
  }, 240_000);
});

const projectionsOf = ({ layout }: TorchEngine): string[] =>
  layout.parameters
    .filter(({ name }) => name.endsWith('.lora_A.weight'))
    .map(({ name }) => name.slice(0, -'.lora_A.weight'.length));
