// ROUGE-N, ROUGE-L and ROUGE-Lsum of a response against its reference, to the digit as the Python package rouge-score
// computes them. Knows single texts; means over many are in corpus.ts.
import { lcsLength, lcsPositions } from './longest-common-subsequence.ts';
import { rougeTokens } from './tokenize.ts';

/** `rouge1` to `rouge9` count n-grams; `rougeL` and `rougeLsum` follow longest common subsequences. */
export type RougeType = `rouge${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 'L' | 'Lsum'}`;

export interface RougeScore {
  /** Share of the response that is in the reference, in [0, 1]. */
  readonly precision: number;
  /** Share of the reference that is in the response, in [0, 1]. */
  readonly recall: number;
  /** Harmonic mean of both; 0 where both are 0. */
  readonly f: number;
}

export type RougeScores<T extends RougeType = RougeType> = Readonly<Record<T, RougeScore>>;

export interface RougeSettings<T extends RougeType = RougeType> {
  /** Default: rouge1, rouge2, rougeL, rougeLsum. */
  readonly types?: readonly T[];
  /** Compare stems of words of more than three letters; default false. */
  readonly stem?: boolean;
}

export type DefaultRougeType = 'rouge1' | 'rouge2' | 'rougeL' | 'rougeLsum';
const defaultTypes: readonly DefaultRougeType[] = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'];

/**
 * Scores of `response` against `reference` (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries").
 * Where one of them has no words, every score is 0. Throws RangeError for an unknown type.
 *
 * ROUGE-N counts each n-gram as often as both texts have it. ROUGE-L takes each text as one sequence of words, across
 * its lines. ROUGE-Lsum takes lines as sentences: the hits of a reference line are the union of its longest common
 * subsequences with every response line, and a hit counts while both texts have that word left.
 */
export function rouge<T extends RougeType = DefaultRougeType>(
  reference: string,
  response: string,
  settings: RougeSettings<T> = {},
): RougeScores<T> {
  const { types = defaultTypes as readonly RougeType[] as readonly T[], stem = false } = settings;
  const number = numberWords();
  const read = (text: string): Uint32Array => Uint32Array.from(rougeTokens(text, stem), number);
  const lines = (text: string): Uint32Array[] => text.split('\n').map(read);

  let whole: readonly [Uint32Array, Uint32Array] | undefined;
  const words = (): readonly [Uint32Array, Uint32Array] => (whole ??= [read(reference), read(response)]);
  const score = (type: T): RougeScore => {
    if (type === 'rougeLsum') return scoreLines(lines(reference), lines(response));
    if (type === 'rougeL') return scoreWhole(...words());
    if (/^rouge[1-9]$/.test(type)) return scoreNgrams(...words(), Number(type.slice(5)));
    throw new RangeError(`no ROUGE of type ${type}`);
  };
  return Object.fromEntries(types.map((type) => [type, score(type)])) as RougeScores<T>;
}

/**
 * Scores against several references: for each type those of the reference with the greatest F, the first of them on
 * a tie. Throws RangeError for no reference.
 */
export function rougeOfBest<T extends RougeType = DefaultRougeType>(
  references: readonly string[],
  response: string,
  settings: RougeSettings<T> = {},
): RougeScores<T> {
  if (references.length === 0) throw new RangeError('ROUGE needs at least one reference');
  return references
    .map((reference) => rouge(reference, response, settings))
    .reduce((best, scores) => {
      const better = (type: T): RougeScore => (scores[type].f > best[type].f ? scores[type] : best[type]);
      return Object.fromEntries(
        (Object.keys(best) as T[]).map((type) => [type, better(type)]),
      ) as RougeScores<T>;
    });
}

/** Numbers words from 0 by first appearance, so that comparing them is comparing numbers. */
function numberWords(): (word: string) => number {
  const numbers = new Map<string, number>();
  return (word) => {
    const known = numbers.get(word);
    if (known !== undefined) return known;
    numbers.set(word, numbers.size);
    return numbers.size - 1;
  };
}

function scoreNgrams(reference: Uint32Array, response: Uint32Array, n: number): RougeScore {
  const wanted = countNgrams(reference, n);
  const given = countNgrams(response, n);
  let hits = 0;
  for (const [ngram, count] of wanted) hits += Math.min(count, given.get(ngram) ?? 0);
  return fromHits(hits, reference.length - n + 1, response.length - n + 1);
}

function countNgrams(words: Uint32Array, n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + n <= words.length; at++) {
    const ngram = words.subarray(at, at + n).join();
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

function scoreWhole(reference: Uint32Array, response: Uint32Array): RougeScore {
  return fromHits(lcsLength(reference, response), reference.length, response.length);
}

/** Section 3.2 of the paper, with the counting of ROUGE-1.5.5, which lets no word be hit more often than it is there. */
function scoreLines(reference: readonly Uint32Array[], response: readonly Uint32Array[]): RougeScore {
  const wanted = countWords(reference);
  const given = countWords(response);
  let hits = 0;
  for (const line of reference) {
    const union = new Uint8Array(line.length);
    for (const candidate of response) for (const at of lcsPositions(line, candidate)) union[at] = 1;
    for (const [at, word] of line.entries()) {
      const [left, available] = [wanted.get(word)!, given.get(word) ?? 0];
      if (union[at] === 0 || left === 0 || available === 0) continue;
      hits++;
      wanted.set(word, left - 1);
      given.set(word, available - 1);
    }
  }
  const length = (lines: readonly Uint32Array[]): number => lines.reduce((sum, line) => sum + line.length, 0);
  return fromHits(hits, length(reference), length(response));
}

function countWords(lines: readonly Uint32Array[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of lines) for (const word of line) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** `wanted` and `given` are what there was to hit in the reference and in the response; below 1 there were no hits. */
function fromHits(hits: number, wanted: number, given: number): RougeScore {
  const precision = hits / Math.max(given, 1);
  const recall = hits / Math.max(wanted, 1);
  const sum = precision + recall;
  return { precision, recall, f: sum > 0 ? (2 * precision * recall) / sum : 0 };
}
