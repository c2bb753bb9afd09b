// What a ranking benchmark is: where its rows stand, how a row becomes a prompt, which examples go before it and what
// is measured. Knows no particular benchmark.
import type { RankingDocument } from './document.ts';
import type { BenchmarkRow } from './fields.ts';
import type { RankingMetric } from './metrics.ts';

export interface Benchmark {
  /** As lm-evaluation-harness calls the task. */
  readonly name: string;
  /** The data set on the hub. */
  readonly repository: string;
  /** The repository's configurations that are evaluated together, each with its own examples; null has none. */
  readonly parts: readonly BenchmarkPart[];
  /** The split whose rows are evaluated, and the one that examples come from. */
  readonly split: string;
  readonly exampleSplit: string | null;
  readonly examples: ExampleRule;
  readonly metrics: readonly RankingMetric[];
  /** Examples before each prompt in arXiv 2312.14591; `fixedShots` holds whatever is asked for. */
  readonly paperShots: number;
  readonly fixedShots?: number;
  /** Text before a TruthfulQA question, which the user brings. */
  readonly needsPrimer?: true;
  /** Throws WhetstoneError `BENCHMARK_ROW`. `primer` is there where `needsPrimer` is. */
  document(row: BenchmarkRow, primer: string): RankingDocument;
}

export interface BenchmarkPart {
  /** Name of the configuration and of its folder; null where the repository has one only. */
  readonly config: string | null;
  /** Stands before everything else in a prompt. */
  readonly header: string;
  /** What the part's own figures are called, and the group whose figures it goes into. */
  readonly name?: string;
  readonly group?: string;
}

/**
 * `first`: the first rows of the split. `sample`: drawn by Python's `random.Random(1234)`, which goes on from
 * document to document. `sample-one-more`: one more is drawn, the document itself left out and the rest cut to the
 * number asked for; this is what lm-evaluation-harness does where neither a test nor an example split is configured.
 */
export type ExampleRule = 'first' | 'sample' | 'sample-one-more';
