// Every entry of the library, given what it cannot take: one error that lists all of it, before anything is read.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { align } from '../src/alignment/align.ts';
import { alignOnline } from '../src/alignment/online/online.ts';
import { openEngine } from '../src/engine/onnx-engine.ts';
import { merge } from '../src/engine/merge.ts';
import { score } from '../src/evaluation/score.ts';
import { generate } from '../src/generation/index.ts';
import { estimateJudging, openComparer, openJudge } from '../src/judges/index.ts';
import { checkFile, readTriplets } from '../src/judgments/index.ts';
import { trainJudge } from '../src/judge-training/train-judge.ts';
import { cut, dpo, dualCut, likelihood, selfDistillation } from '../src/objectives/index.ts';
import { WhetstoneError } from '../src/errors.ts';
import { openModels, startServer } from '../src/serving/index.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-check-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** What was wrong by the error, a line each: "learningRate: expected ...". */
async function wrong(call: () => unknown): Promise<string[]> {
  const error: unknown = await Promise.resolve()
    .then(call)
    .catch((each: unknown) => each);
  if (!(error instanceof WhetstoneError)) throw new Error('nothing was refused', { cause: error });
  expect(error.code).toBe('INVALID_OPTIONS');
  const all = error.problems.length > 0 ? error.problems : [{ problem: error.problem, ...error.place }];
  return all.map(({ options = [], problem }) => `${options.join()}: ${problem}`);
}

const training = {
  lamda: 3,
  epochs: -1,
  learningRate: NaN,
  loraAlpha: Infinity,
  lrSchedulerType: 'polynomial',
  loraTargetModules: 'q_proj',
  saveSteps: 1.5,
};
const trainingProblems = [
  'epochs: expected a number of more than 0, found -1',
  'learningRate: expected a number of at least 0, found NaN',
  'loraAlpha: expected a number of more than 0, found Infinity',
  'lrSchedulerType: expected one of linear, cosine, constant, constant_with_warmup, found "polynomial"',
  'loraTargetModules: expected a list of names, found "q_proj"',
  'saveSteps: expected a whole number of at least 1, found 1.5',
];

describe('options that cannot be taken', () => {
  const nowhere = (): { model: string; out: string } => ({
    model: join(dir, 'no model'),
    out: join(dir, 'run'),
  });

  it('of align', async () => {
    const found = await wrong(() =>
      align({
        ...(training as object),
        ...nowhere(),
        data: 'none.jsonl',
        method: 'likelihood',
        alpha: 2,
        signal: 'now' as never,
      }).prepare(),
    );
    expect(found).toEqual([
      'lamda: no such option (did you mean lambda?)',
      ...trainingProblems,
      'signal: expected an object, found "now"',
      'alpha,method: this belongs to methods "cut", "dual-cut", "cepo-cut" and means nothing for "likelihood"',
    ]);
  });

  it('of alignOnline', async () => {
    const found = await wrong(() =>
      alignOnline({
        ...(training as object),
        ...nowhere(),
        rounds: 0,
        resume: true,
        overwrite: true,
      }).prepare(),
    );
    expect(found).toEqual([
      'lamda: no such option (did you mean lambda?)',
      ...trainingProblems,
      'rounds: expected a whole number of at least 1, found 0',
      'resume,overwrite: a run can be gone on with or started anew, not both',
    ]);
  });

  it('of trainJudge', async () => {
    const { lamda, ...others } = training;
    const found = await wrong(() =>
      trainJudge({ ...(others as object), ...nowhere(), heldout: lamda, yes: '' } as never).prepare(),
    );
    expect(found).toEqual([
      ...trainingProblems,
      'heldout: no such option (did you mean heldOut?)',
      'yes: expected a text, found ""',
      expect.stringMatching(/^data: missing: /) as string,
    ]);
  });

  it('of score', async () => {
    const given = {
      ...nowhere(),
      data: 'none.jsonl',
      triplets: [],
      lamda: 2,
      lambda: NaN,
      cutoffLen: 1,
      resume: true,
      overwrite: true,
    };
    expect(await wrong(() => score(given as never).next())).toEqual([
      'lamda: no such option (did you mean lambda?)',
      'lambda: expected a number of at least 1, found NaN',
      'cutoffLen: expected a whole number of at least 2, found 1',
      'resume,overwrite: rows can be gone on with or started anew, not both',
      'triplets,data: triplets are scored from memory or from a file, not both',
    ]);
    expect(await wrong(() => score({} as never).next())).toEqual([
      expect.stringMatching(/^data: missing: /),
      expect.stringMatching(/^model: missing: /),
    ]);
  });

  it('of generate', async () => {
    const given = {
      ...nowhere(),
      instructions: ['One.', { instruction: 'Two.' }, { input: 'x' }],
      prompts: [3],
      maxNewToken: 1,
      temperature: Infinity,
      topP: 0,
      seed: '1',
      onText: true,
    };
    expect(await wrong(() => generate(given as never).next())).toEqual([
      'maxNewToken: no such option (did you mean maxNewTokens?)',
      'temperature: expected a number of at least 0, found Infinity',
      'topP: expected a number of more than 0 and at most 1, found 0',
      expect.stringMatching(/^seed: expected a whole number .*found "1"/),
      'onText: expected a function, found true',
      'instructions,prompts: expected exactly one of option `instructions`, option `prompts` and option `file`',
      'instructions: expected a text or { instruction, input? } at place 3',
      'prompts: expected a text at place 1',
    ]);
    expect(
      await wrong(() => generate({ ...nowhere(), prompts: ['a'], judgment: 'Perfect.' }).next()),
    ).toEqual(['judgment,prompts: a prompt is continued as it stands; a judgment needs an instruction']);
  });

  it('of merge', async () => {
    const { model } = nowhere();
    const given = { model, out: `${model}/.`, adapters: 'a', threads: 0.5, resume: true, overwrite: true };
    expect(await wrong(() => merge(given as never))).toEqual([
      'adapters: no such option (did you mean adapter?)',
      'threads: expected a whole number of at least 1 and at most 512, or none, found 0.5',
      expect.stringMatching(/^adapter: missing: /),
      'resume,overwrite: weight files can be gone on with or started anew, not both',
      'out,model: this would replace the base model',
    ]);
  });

  it('of engines and objectives', async () => {
    expect(await wrong(() => openEngine({ threads: 0, slot: 2 } as never))).toEqual([
      'threads: expected a whole number of at least 1 and at most 512, or none, found 0',
      'slot: no such option (did you mean slots?)',
      'modelDir: missing: Hugging Face model folder',
    ]);
    const lora = { rank: 0, alpha: NaN, dropout: 1, targetModules: 'all', rslora: true };
    expect(await wrong(() => openEngine({ modelDir: 'none', slots: NaN, lora: lora as never }))).toEqual([
      'slots: expected a whole number of at least 1 and at most 1024, or none, found NaN',
      'lora.rank: expected a whole number of at least 1, found 0',
      'lora.alpha: expected a number of more than 0, found NaN',
      'lora.dropout: expected a number of at least 0 and less than 1, found 1',
      'lora.targetModules: expected a list of names, found "all"',
      'lora.rslora: no such option',
      'lora.rankStabilized: missing',
    ]);
    const continued = { modelDir: 'none', adapterDir: 'run/adapter', lora: null };
    expect(await wrong(() => openEngine(continued))).toEqual([
      expect.stringMatching(/^adapterDir,lora: an adapter cannot be continued/) as string,
    ]);
    expect(await wrong(() => cut({ lambda: NaN, alpha: '1' as never }))).toEqual([
      'lambda: expected a number of more than 0, found NaN',
      'alpha: expected a number of at least 0, found "1"',
    ]);
    expect(await wrong(() => dualCut({ lambda5: 1 } as never))).toHaveLength(1);
    expect(await wrong(() => dpo({ labelSmoothing: 0.5 }))).toHaveLength(1);
    expect(await wrong(() => selfDistillation({ maxLogRatio: Infinity }))).toHaveLength(1);
    expect(await wrong(() => likelihood({ includeRejected: 1 as never }))).toHaveLength(1);
  });

  it('of the server and the models behind it', async () => {
    expect(
      await wrong(() =>
        startServer({
          prot: 8080,
          port: 65536,
          host: 5,
          maxNewTokens: NaN,
          maxBodyBytes: Infinity,
          corsOrigins: 'http://here',
          models: { id: 'm' },
        } as never),
      ),
    ).toEqual([
      'prot: no such option (did you mean port?)',
      'port: expected a whole number of at least 0 and at most 65535, found 65536',
      'host: expected a text, found 5',
      'maxNewTokens: expected a whole number of at least 1, or none, found NaN',
      'maxBodyBytes: expected a whole number of at least 1, found Infinity',
      'corsOrigins: expected a list of names, found "http://here"',
      'models: expected an array, found {"id":"m"}',
    ]);
    expect(await wrong(() => startServer({} as never))).toEqual(['models: missing']);
    const same = [{ id: 'm' }, { id: 'n' }, { id: 'm' }];
    expect(await wrong(() => startServer({ models: same, port: -1 } as never))).toEqual([
      'port: expected a whole number of at least 0 and at most 65535, found -1',
      expect.stringContaining('two models would have the name "m"') as string,
    ]);

    expect(
      await wrong(() =>
        openModels({
          modeldir: 'm',
          threads: 1.5,
          slots: Infinity,
          template: 7,
          adapters: ['run/adapter', { name: null, dir: 'other' }],
        } as never),
      ),
    ).toEqual([
      'modeldir: no such option (did you mean modelDir?)',
      'threads: expected a whole number of at least 1 and at most 512, or none, found 1.5',
      'slots: expected a whole number of at least 1 and at most 1024, or none, found Infinity',
      'template: expected a text, or none, found 7',
      'modelDir: missing: Hugging Face model folder',
      'adapters: expected adapters as { name, dir }, found "run/adapter"',
    ]);
    const adapters = [
      { name: null, dir: 'run/adapter' },
      { name: 'run', dir: 'other' },
    ];
    expect(await wrong(() => openModels({ modelDir: 'none', adapters }))).toEqual([
      expect.stringContaining('two models would have the name "run"') as string,
    ]);
  });

  it('of judges and comparers', async () => {
    const given = {
      promt: 'paper',
      concurrency: 0,
      timeout: Infinity,
      temperature: NaN,
      maxTokens: 1.5,
      extraBody: 'none',
      cwd: 5,
      onNote: 'me',
      budget: 1,
      inputPrice: 2,
    } as never;
    const problems = [
      'promt: no such option (did you mean prompt?)',
      'concurrency: expected a whole number of at least 1 and at most 1000, found 0',
      'timeout: expected a number of more than 0 and at most 300, found Infinity',
      'temperature: expected a number of at least 0, or none, found NaN',
      'maxTokens: expected a whole number of at least 1, found 1.5',
      expect.stringMatching(/^extraBody: expected names and their values .*, found "none"$/) as string,
      'cwd: expected a text, found 5',
      'onNote: expected a function, found "me"',
    ];
    const unpriced = 'budget,inputPrice,outputPrice: a budget needs both prices, of input and output tokens';
    const missing = join(dir, 'none.ts');
    expect(await wrong(() => openJudge(missing, given))).toEqual([...problems, unpriced]);
    expect(await wrong(() => estimateJudging('http://x/v1#m', given, []))).toEqual([...problems, unpriced]);
    expect(await wrong(() => openJudge(5 as never))).toEqual(['judge: expected a text, found 5']);
    expect(await wrong(() => openComparer(missing, given, 'pair' as never))).toEqual([
      ...problems,
      expect.stringMatching(
        /^mode: expected one of auto, pairs, verdicts, found "pair" \(did you mean/,
      ) as string,
      unpriced,
    ]);
  });

  it('of files of triplets', async () => {
    const path = join(dir, 'none.jsonl');
    expect(
      await wrong(() =>
        readTriplets(path, { fromat: 'csv', format: 'xml', layout: 5, onProblem: 1 } as never),
      ),
    ).toEqual([
      'fromat: no such option (did you mean format?)',
      'format: expected one of json, jsonl, csv, tsv, parquet, or none, found "xml"',
      'layout: expected a text, or none, found 5',
      'onProblem: expected one of throw, collect, found 1',
    ]);
    expect(
      await wrong(() =>
        checkFile(path, { cutoffLength: NaN, vocabSize: Infinity, tokenLengths: 3 as never }),
      ),
    ).toEqual([
      'cutoffLength: expected a whole number of at least 2, found NaN',
      'vocabSize: expected a whole number of at least 1, found Infinity',
      'tokenLengths: expected a function, found 3',
    ]);
    expect(await wrong(() => checkFile(path, { cutoffLength: 100 }))).toEqual([
      'cutoffLength,tokenLengths: nothing can be said of tokens without their lengths',
    ]);
  });

  it('leave nothing behind', async () => {
    expect(await readdir(dir)).toEqual([]);
  });
});
