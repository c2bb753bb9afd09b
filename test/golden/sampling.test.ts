// Probabilities of the next token against transformers' logits processors.
import { expect, it } from 'vitest';
import { chooseToken } from '../../src/engine/choose-token.ts';
import type { Sampling } from '../../src/engine/engine.ts';
import { shapeLogits } from '../../src/engine/shape-logits.ts';
import golden from './sampling.json' with { type: 'json' };

interface Settings {
  readonly temperature?: number;
  readonly min_p?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly frequency_penalty?: number;
  readonly presence_penalty?: number;
  readonly repetition_penalty?: number;
  readonly min_tokens?: number;
  readonly end_tokens?: readonly number[];
  readonly logit_bias?: Readonly<Record<string, number>>;
}

const samplingOf = (settings: Settings): Sampling => ({
  maxNewTokens: 1,
  temperature: settings.temperature ?? 1,
  minP: settings.min_p ?? 0,
  topK: settings.top_k ?? 0,
  topP: settings.top_p ?? 1,
  frequencyPenalty: settings.frequency_penalty ?? 0,
  presencePenalty: settings.presence_penalty ?? 0,
  repetitionPenalty: settings.repetition_penalty ?? 1,
  minTokens: settings.min_tokens ?? 0,
  logitBias: new Map(Object.entries(settings.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias])),
});

const { prompt, response } = golden;
const counts = new Map<number, number>();
for (const id of response) counts.set(id, (counts.get(id) ?? 0) + 1);
const past = { seen: new Set([...prompt, ...response]), counts, length: response.length };

it.each(golden.cases.map((each) => [JSON.stringify(each.settings), each] as const))(
  'draws as transformers does with %s',
  (_, { settings: given, logits, probabilities }) => {
    const settings = given as unknown as Settings;
    const sampling = samplingOf(settings);
    const shaped = Float32Array.from(logits);
    shapeLogits(shaped, sampling, past, new Set(settings.end_tokens));
    // Points at equal distances in place of random ones: each token is hit as often as it is likely, to a point.
    const points = 20_000;
    const hits = new Array<number>(logits.length).fill(0);
    for (let i = 0; i < points; i++)
      hits[chooseToken(shaped, sampling, { float: () => (i + 0.5) / points })]!++;
    probabilities.forEach((probability, id) => {
      if (probability === 0) expect(hits[id]).toBe(0);
      else expect(Math.abs(hits[id]! / points - probability)).toBeLessThan(1.5 / points);
    });
    expect(probabilities.filter((p) => p > 0).length).toBeGreaterThan(0);
  },
);
