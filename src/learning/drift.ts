// How far a version is from the one before it: both answer the fixed prompts greedily, and what both make of the answers
// before is compared token by token. Knows models and texts; what follows from it is decided elsewhere.
import type { Engine } from '../engine/engine.ts';
import { generateText } from '../generation/index.ts';
import type { Speaker, TextGeneration } from '../generation/index.ts';
import { encodePrompt } from '../tokens/encode.ts';
import type { PromptFields } from '../rows/conversation.ts';
import type { Drift, DriftAnswer } from './drift-record.ts';
import type { FixedPrompts } from './fixed-prompts.ts';

export interface Asked extends Speaker {
  readonly engine: Pick<Engine, 'generate' | 'distributions'>;
}

/** Longest answer, in tokens: the whole distribution of each is held, for one answer at a time. */
const maxNewTokens = 64;

export interface DriftSettings {
  readonly signal?: AbortSignal | undefined;
  /** Hears how many prompts of how many are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Throws what generating and the engine throw, and the signal's reason after an abort. */
export async function measureDrift(
  before: Asked,
  after: Asked,
  { source, prompts }: FixedPrompts,
  { signal, onProgress }: DriftSettings = {},
): Promise<Drift> {
  const answers: DriftAnswer[] = [];
  let divergence: Sum | null = { total: 0, tokens: 0 };
  onProgress?.(0, prompts.length);
  for (const prompt of prompts) {
    signal?.throwIfAborted();
    const [old, fresh] = await Promise.all([answer(before, prompt, signal), answer(after, prompt, signal)]);
    const own = await divergenceOf(before, after, old);
    divergence = own &&
      divergence && { total: divergence.total + own.total, tokens: divergence.tokens + own.tokens };
    answers.push({
      prompt,
      before: old.text,
      after: fresh.text,
      kl: own && own.tokens > 0 ? own.total / own.tokens : own && 0,
    });
    onProgress?.(answers.length, prompts.length);
  }
  return {
    source,
    changed: answers.filter((each) => each.before !== each.after).length,
    mean_kl: divergence && (divergence.tokens > 0 ? divergence.total / divergence.tokens : 0),
    answers,
  };
}

interface Answered extends Pick<TextGeneration, 'text' | 'ids'> {
  readonly prompt: Int32Array;
}

async function answer(
  { engine, tokenizer, template }: Asked,
  prompt: PromptFields,
  signal: AbortSignal | undefined,
): Promise<Answered> {
  const ids = await encodePrompt(tokenizer, template, prompt, null);
  const sampling = { maxNewTokens, temperature: 0 };
  const found = await generateText(
    { engine, tokenizer },
    { prompt: ids, sampling, ...(signal && { signal }) },
  );
  signal?.throwIfAborted();
  return { text: found.text, ids: found.ids, prompt: ids };
}

interface Sum {
  readonly total: number;
  readonly tokens: number;
}

/** Null where an engine gives no distributions. */
async function divergenceOf(
  { engine: before }: Asked,
  { engine: after }: Asked,
  { prompt, ids }: Answered,
): Promise<Sum | null> {
  if (before.distributions === undefined || after.distributions === undefined) return null;
  if (ids.length === 0) return { total: 0, tokens: 0 };
  const whole = new Int32Array(prompt.length + ids.length);
  whole.set(prompt);
  whole.set(ids, prompt.length);
  const sequence = { ids: whole, responseStart: prompt.length };
  const [p] = await before.distributions([sequence]);
  const [q] = await after.distributions([sequence]);
  return { total: klDivergence(p!, q!), tokens: ids.length };
}

/** Sum over all places of p (log p - log q), nats; log-probs in, and what p gives no probability counts nothing. */
export function klDivergence(p: Float32Array, q: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const logP = p[i]!;
    const probability = Math.exp(logP);
    if (probability > 0) sum += probability * (logP - q[i]!);
  }
  // Of like distributions rounding may leave a little less than nothing.
  return Math.max(0, sum);
}
