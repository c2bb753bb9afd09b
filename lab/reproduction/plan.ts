// What has to be computed for a suite: which models, which data, how many seeds, which experiments. Nothing is computed
// or written here but the world's template.
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { versions } from '../../src/runs/versions.ts';
import { defaultSettings } from '../../src/alignment/settings.ts';
import { writeFileDurably } from '../../src/durable/files.ts';
import { readDecoderConfig } from '../../src/models/config.ts';
import { dataDigest, folderDigests } from '../../src/runs/digests.ts';
import { worldNextMessage, worldTemplate } from '../world/index.ts';
import type { WorldModel } from '../world/model.ts';
import { worldModelDir } from '../world/model.ts';
import { detectionExperiments } from './detection/detection-table.ts';
import { pointingExperiments, pointingWidths } from './detection/pointing-table.ts';
import type { Experiment, Model } from './experiment.ts';
import { canonicalJson } from './experiment.ts';
import type { BenchSetup } from './open-bench.ts';
import { worldFingerprint } from './open-bench.ts';
import type { ReproduceOptions } from './reproduce.ts';
import { experimentOf, fullScale, suiteOn } from './suite.ts';
import type { Ground, Scale, Suite, SuiteRow } from './suite.ts';
import type { ReproductionName } from './names.ts';
import { suites } from './suites.ts';
import { tuningSeeds, tuningSuite } from './tune.ts';
import { tunedFor } from './tuned.ts';

/** Raised by hand whenever the same experiment would give other numbers than before. */
const suiteVersion = 1;

/** Null for the tables of detection, which are laid out by themselves. */
export function suiteOf(name: ReproductionName, { train }: Pick<Scale, 'train'> = fullScale): Suite | null {
  if (name === 'tune') return tuningSuite(train);
  return name === 'detection' || name === 'detection-ways' ? null : suites[name];
}

export interface Plan {
  readonly ground: Ground;
  readonly scale: Scale;
  readonly setup: BenchSetup;
  readonly jobs: number;
  /** In the order of rows and seeds; rows without training have one. */
  readonly experiments: readonly { readonly rowId: string; readonly experiment: Experiment }[];
  readonly notes: readonly string[];
}

export async function planOf(options: ReproduceOptions, out: string): Promise<Plan> {
  const { name, data } = options;
  const modelDir = options.model ?? worldModelDir();
  const { hiddenSize } = await readDecoderConfig(modelDir);
  const narrow = hiddenSize < 256;
  const jobs = options.worker ? (options.jobs ?? (narrow ? availableParallelism() : 1)) : 1;
  const share = jobs > 1 ? Math.max(1, Math.floor(availableParallelism() / jobs)) : null;
  const first = name === 'tune' ? tuningSeeds[0]! : fullScale.seeds[0]!;
  const count = options.seeds ?? (name === 'tune' ? tuningSeeds.length : fullScale.seeds.length);
  const seeds = Array.from({ length: count }, (_, i) => first + i);
  const scale: Scale = { ...fullScale, ...options.scale, seeds };

  const model: Model = { name: 'model', fingerprint: await fingerprintOf(modelDir) };
  const named =
    name === 'detection-ways'
      ? pointingWidths
      : (suiteOf(name)?.rows.flatMap((row) => [row.base ?? [], row.training?.answersOf ?? []].flat()) ?? []);
  const bases = await modelsOf(named, options.bases ?? {});
  const template = data === undefined ? await writeTemplate(out) : (options.template ?? 'alpaca');
  const ground: Ground =
    data === undefined
      ? { kind: 'world', model, bases: bases.models, split: name === 'tune' ? 'development' : 'test' }
      : { kind: 'data', model, data: await dataDigest(data), template: await templateContent(template) };
  const setup: BenchSetup = {
    out,
    surroundings: {
      suiteVersion,
      whetstone: (await versions()).whetstone,
      world: data === undefined ? worldFingerprint() : 'none',
    },
    models: { model: resolve(modelDir), ...bases.dirs },
    template,
    data: data === undefined ? null : resolve(data),
    threads: narrow ? 1 : share,
  };
  return {
    ground,
    scale,
    setup,
    jobs,
    experiments: expand(name, scale, ground),
    notes: notesOn(ground, scale, suiteOf(name, scale)),
  };
}

/** The models that rows name, and where they lie. */
async function modelsOf(
  named: readonly WorldModel[],
  given: NonNullable<ReproduceOptions['bases']>,
): Promise<{ models: Partial<Record<WorldModel, Model>>; dirs: Record<string, string> }> {
  const models: Partial<Record<WorldModel, Model>> = {};
  const dirs: Record<string, string> = {};
  for (const base of new Set(named)) {
    const name = `width ${base}`;
    const dir = given[base] ?? worldModelDir(base);
    dirs[name] = resolve(dir);
    models[base] = { name, fingerprint: await fingerprintOf(dir) };
  }
  return { models, dirs };
}

/** Every row's experiments, one a seed; a row without training is the same for all seeds. */
export function expand(
  name: ReproductionName,
  scale: Scale,
  ground: Ground,
): { rowId: string; experiment: Experiment }[] {
  const whole = suiteOf(name, scale);
  if (whole === null) {
    if (ground.kind !== 'world') throw new TypeError('detection needs the world');
    return name === 'detection-ways'
      ? pointingExperiments(scale, ground)
      : detectionExperiments(scale, ground).map((experiment) => ({ rowId: 'detection', experiment }));
  }
  return suiteOn(whole, ground).rows.flatMap((row) =>
    seedsOf(row, scale).map((seed) => ({
      rowId: row.id,
      experiment: experimentOf(row, seed, scale, ground, whole.measures),
    })),
  );
}

function seedsOf({ training, seedsTimes = 1 }: SuiteRow, { seeds }: Scale): number[] {
  const [first] = seeds;
  const count = training === null ? 1 : seedsTimes * seeds.length;
  return Array.from({ length: count }, (_, i) => first! + i);
}

async function fingerprintOf(model: string): Promise<string> {
  return canonicalJson(await folderDigests(model));
}

async function writeTemplate(out: string): Promise<string> {
  const path = join(out, 'world-template.json');
  const template = { ...worldTemplate, with_next_message: worldNextMessage };
  await writeFileDurably(path, `${JSON.stringify(template, null, 2)}\n`);
  return path;
}

/** A template file by its content, a preset by its name. */
async function templateContent(template: string): Promise<string> {
  const isFile = await stat(template)
    .then((found) => found.isFile())
    .catch(() => false);
  return isFile ? dataDigest(template) : template;
}

function notesOn(ground: Ground, { train, test, perRound, seeds }: Scale, suite: Suite | null): string[] {
  if (ground.kind === 'data') {
    return [
      'Rows of the data were split by instruction (seeded): a fifth is held out and scored. Methods train with the ' +
        'defaults of `align`, but for a warm-up of a tenth of the run. Perplexity is e to the power of its logarithm, ' +
        `which is a mean over responses of the mean over their tokens. Flagged: at lambda ${defaultSettings.lambda}, by the trained model.`,
    ];
  }
  const trainings = suite?.rows.flatMap(({ training }) => training ?? []) ?? [];
  const sizes = [...new Set(trainings.map((training) => training.train ?? train))].sort((a, b) => a - b);
  const online = trainings.some((training) => training.rounds && training.train === undefined);
  const trained =
    sizes.length === 0
      ? ''
      : `${sizes.join(', ')} training instructions${online ? ` (${perRound} a round online)` : ''}, `;
  const sources = [...new Set(sizes.map((size) => tunedFor(size).source))];
  return [
    `${trained}${test} ${ground.split} instructions, the same for every row; seeds ${seeds.join(', ')} draw training ` +
      "instructions, order, dropout and LoRA's initial values. All answers to test instructions are greedy.",
    ...(sources.length === 0 ? [] : [`Settings: ${sources.join('; ')}.`]),
  ];
}
