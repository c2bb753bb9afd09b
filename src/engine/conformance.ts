// Whether an engine computes right: what it makes of a small random model against what another one makes of it, which
// the golden values of this project hold to PyTorch. Knows no device.
import { writeFreshLlama } from '../models/fresh-model.ts';
import { cut } from '../objectives/index.ts';
import { createRandom } from '../random.ts';
import type { Engine, OpenEngineOptions, OptimizerSettings, Sequence, TokenExample } from './engine.ts';
import { defaultAdamW } from './options.ts';

/** One comparison with the engine that is right. */
export interface Check {
  readonly what: string;
  /** How far the other one is off, in the unit that `what` names. */
  readonly found: number;
  /** The most that is right. */
  readonly limit: number;
}

export const isRight = ({ found, limit }: Check): boolean => found <= limit;

const vocabSize = 384;

/** What an engine makes of the probe model. */
export interface Observation {
  readonly logProbs: readonly number[];
  readonly gradient: readonly number[];
  readonly losses: readonly number[];
  readonly tokens: readonly number[];
}

const optimizer: OptimizerSettings = { ...defaultAdamW, learningRate: 1e-3 };

/** Writes the random model that is looked at. */
export async function writeProbeModel(folder: string): Promise<void> {
  const size = { vocabSize, hiddenSize: 64, intermediateSize: 128, layers: 3, heads: 4, kvHeads: 2 };
  const tokens = { maxPositions: 512, bosTokenId: 1, eosTokenId: 2, padTokenId: 0 };
  await writeFreshLlama(folder, { ...size, ...tokens, initializerRange: 0.15 }, 7);
}

/** `reference` is right; how far `found` is off. */
export function compareObservations(reference: Observation, found: Observation): Check[] {
  const wrongTokens = reference.tokens.filter((token, i) => token !== found.tokens[i]).length;
  return [
    { what: 'log-probs, nats', found: largest(found.logProbs, reference.logProbs), limit: 1e-3 },
    { what: 'gradient, relative', found: relative(found.gradient, reference.gradient), limit: 1e-3 },
    { what: 'losses of ten steps, relative', found: relative(found.losses, reference.losses), limit: 1e-2 },
    { what: 'greedy tokens that differ', found: wrongTokens, limit: 0 },
  ];
}

/** An engine that tells the gradient of its last step. */
type Probed = Engine & { gradient(): Float32Array | Promise<Float32Array> };

/** Scores, trains and continues the probe model in `modelDir`. */
export async function observe(
  open: (options: OpenEngineOptions) => Promise<Probed>,
  modelDir: string,
): Promise<Observation> {
  const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const lora = { rank: 4, alpha: 8, dropout: 0, rankStabilized: false, targetModules };
  const engine = await open({ modelDir, lora, seed: 1 });
  try {
    const sequences = [9, 33, 64, 150].map(someSequence);
    const logProbs = (await engine.score(sequences)).flatMap((each) => [...each]);
    const { losses, gradient } = await train(engine, sequences);
    const prompts = sequences.slice(0, 2).map(({ ids }) => ids);
    const made = await engine.generate(
      prompts.map((prompt) => ({
        prompt,
        sampling: { maxNewTokens: 64, temperature: 0 },
        endTokens: new Set<number>(),
      })),
    );
    return { logProbs, gradient, losses, tokens: made.flatMap(({ ids }) => [...ids]) };
  } finally {
    await engine.dispose();
  }
}

/** Ten steps of CUT; the gradient is that of the third, when both matrices of the adapter have moved. */
async function train(
  engine: Probed,
  sequences: readonly Sequence[],
): Promise<Pick<Observation, 'losses' | 'gradient'>> {
  const objective = cut();
  const batch = sequences.map((plain, index): TokenExample => ({
    index,
    rejected: index % 2 === 0,
    sequences: {
      plain,
      judged: { ids: Int32Array.of(3, 4, ...plain.ids), responseStart: plain.responseStart + 2 },
    },
  }));
  const losses: number[] = [];
  let gradient: readonly number[] = [];
  for (let step = 0; step < 10; step++) {
    losses.push((await engine.step(batch, objective, optimizer)).loss);
    if (step === 2) gradient = [...(await engine.gradient())];
  }
  return { losses, gradient };
}

function someSequence(length: number): Sequence {
  const random = createRandom(length);
  const ids = Int32Array.from({ length }, () => 3 + Math.floor(random.float() * (vocabSize - 3)));
  return { ids, responseStart: Math.ceil(length / 3) };
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? a.reduce((most, x, i) => worse(most, Math.abs(x - b[i]!)), 0) : Infinity;

function relative(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Infinity;
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const off = norm(a.map((x, i) => x - b[i]!)) / norm(b);
  return Number.isNaN(off) ? Infinity : off;
}

/** The larger of two; what is not a number is as far off as can be. */
const worse = (a: number, b: number): number => (Number.isNaN(b) ? Infinity : Math.max(a, b));
