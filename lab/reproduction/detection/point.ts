// Ways to find the tokens of a response that a judgment is about: a score for each token, higher where the way points. Knows
// one answer at a time; thresholds and figures are made elsewhere.
import { lcsPositions } from '../../../src/evaluation/rouge/longest-common-subsequence.ts';
import type { OpenedModel } from '../../../src/generation/index.ts';
import { encodePieces } from '../../../src/tokens/index.ts';
import { encodeResponse, encodeTriplet } from '../../../src/tokens/encode.ts';
import { isPartOf } from '../../../src/tokens/marked.ts';
import { maxNewTokens } from '../answering.ts';
import type { JudgedAnswer, PointedAnswer } from '../experiment.ts';
import type { Saliency } from './saliency.ts';

/** Scores of every way for an unsatisfactory answer. */
export async function point(
  { engine, tokenizer, template }: OpenedModel,
  saliency: Saliency,
  instruction: string,
  { output, judgment, errors }: JudgedAnswer,
): Promise<PointedAnswer> {
  const words = judgment ?? '';
  const { plain, judged, offsets } = await encodeTriplet(tokenizer, template, {
    instruction,
    output,
    judgment,
  });
  const count = offsets.length;
  const [before, after] = await engine.score([plain, judged!]);

  const critique = await encodeResponse(
    tokenizer,
    template,
    [template.renderCritique({ instruction }, output)],
    words,
  );
  const [criticised] = critique.sequences;
  const slopes = await saliency.gradient(criticised!);
  const start = startOf(criticised!.ids, plain.ids.subarray(plain.responseStart));

  const [from, to] = betweenPrompts(plain, judged!);
  const weights = await saliency.attention(judged!);
  const tokens = judged!.ids.length;
  const attentionTo = (row: number): number =>
    weights.subarray(row * tokens + from, row * tokens + to).reduce((sum, weight) => sum + weight, 0);

  const characters = Array.from(output);
  const text = offsets.map(([a, b]) => characters.slice(a, b).join('').trim().toLowerCase());
  const known = wordsOf(instruction);
  const said = wordsOf(words);
  const quoted = text.map((word) => Number(said.has(word) && !known.has(word)));

  const prompt = await encodePieces(
    tokenizer,
    template,
    template.renderRevision({ instruction }, output, words),
  );
  const [revised] = await engine.generate([
    {
      prompt,
      endTokens: new Set(tokenizer.stopTokenIds),
      sampling: { maxNewTokens, temperature: 0 },
    },
  ]);
  const response = plain.ids.subarray(plain.responseStart, plain.responseStart + count);
  return {
    scores: {
      contrast: offsets.map((_, t) => round(after![t]! - before![t]!)),
      gradient: offsets.map((_, t) => round(slopes[start + t]!)),
      attention: offsets.map((_, t) => round(attentionTo(judged!.responseStart + t - 1))),
      quoted,
      revision: changed(response, Int32Array.from(revised!.ids)),
    },
    spans: errors
      .map((error) => offsets.flatMap((token, i) => (isPartOf(token, error) ? [i] : [])))
      .filter((span) => span.length > 0),
    quotes: quoted.some(Boolean),
  };
}

const round = (value: number): number => Number(value.toPrecision(6));

const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);

/** Where `part` begins in `ids`. Throws RangeError where it does not occur. */
function startOf(ids: Int32Array, part: Int32Array): number {
  for (let at = 0; at + part.length <= ids.length; at++) {
    if (part.every((id, i) => ids[at + i] === id)) return at;
  }
  throw new RangeError('the response has other tokens where it is criticised');
}

/** The tokens of the judged prompt that the plain one lacks: [from, to). */
function betweenPrompts(
  plain: { readonly ids: Int32Array; readonly responseStart: number },
  judged: { readonly ids: Int32Array; readonly responseStart: number },
): [number, number] {
  let from = 0;
  while (from < plain.responseStart && plain.ids[from] === judged.ids[from]) from++;
  let tail = 0;
  while (
    tail < plain.responseStart - from &&
    plain.ids[plain.responseStart - 1 - tail] === judged.ids[judged.responseStart - 1 - tail]
  )
    tail++;
  return [from, judged.responseStart - tail];
}

/** 1 for tokens that a revision leaves out or puts something before. */
function changed(response: Int32Array, revision: Int32Array): number[] {
  const marks = new Array<number>(response.length).fill(1);
  const keptHere = lcsPositions(response, revision);
  for (const i of keptHere) marks[i] = 0;
  const keptThere = lcsPositions(revision, response);
  keptHere.forEach((i, k) => {
    const inserted = keptThere[k]! - (keptThere[k - 1] ?? -1) > 1;
    const removed = i - (keptHere[k - 1] ?? -1) > 1;
    if (inserted && !removed) marks[i] = 1;
  });
  return marks;
}
