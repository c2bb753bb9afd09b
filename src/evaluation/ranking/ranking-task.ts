// A ranking benchmark as a task of an evaluation: its documents, prompts, and the figures of their scores. Knows the
// order in which things are read and drawn, no single benchmark.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import { createPythonRandom } from '../python-random/index.ts';
import type { EvaluationTask, Figure } from '../run/task.ts';
import type { LikelihoodRequest } from '../subject/subject.ts';
import type { Benchmark, BenchmarkPart } from './benchmark.ts';
import type { DataPlaces, SplitRows } from './data.ts';
import { candidateFolders, readSplit } from './data.ts';
import type { RankingDocument } from './document.ts';
import { chooseExamples, exampleSeed } from './few-shot.ts';
import type { MeanFigure } from './metrics.ts';
import type { RankingMetric } from './metrics.ts';
import { meanFigure, meanOfParts, pooledFigure, rankingScore } from './metrics.ts';
import { rankingRequest } from './prompts.ts';
import { readPrimer } from './truthfulqa.ts';
import { option } from '../../words/option.ts';

export interface RankingSettings {
  readonly data: DataPlaces;
  /** Examples before each prompt. A benchmark whose number is fixed keeps its own. */
  readonly shots: number;
  /** Most documents of each part; null takes all. */
  readonly limit: number | null;
  /** File with TruthfulQA's primer; null looks for one beside the data. */
  readonly primer: string | null;
}

/** What the journal keeps of a document. */
export interface RankingResult {
  /** In nats, one for each choice. */
  readonly log_likelihoods: readonly number[];
  /** Tokens at the beginning of the prompt that there was no room for; left out where there were none. */
  readonly truncated?: number;
}

/** A document with its prompt. */
export interface RankingItem {
  /** "12", or "virology/12" in a benchmark of several parts; counted from 0 within the split. */
  readonly id: string;
  readonly part: BenchmarkPart;
  readonly document: RankingDocument;
  readonly request: LikelihoodRequest;
}

/** Reads the data and builds every prompt. Throws what `readSplit`, the benchmark and `chooseExamples` throw. */
export async function rankingTask(benchmark: Benchmark, settings: RankingSettings): Promise<EvaluationTask> {
  const { items, files, primer, shots } = await rankingItems(benchmark, settings);
  const byId = new Map(items.map((item) => [item.id, item]));
  const origin = settings.data.origins?.[benchmark.name];
  return {
    name: benchmark.name,
    description: {
      kind: 'ranking',
      num_fewshot: shots,
      limit: settings.limit,
      documents: items.length,
      ...(shots > 0 && benchmark.examples !== 'first' && { fewshot_seed: exampleSeed }),
      ...(primer !== null && { primer_digest: digest(primer) }),
      ...(origin && { hub: origin }),
      files,
    },
    items: items.map(({ id, request }) => ({ id, key: keyOf(request) })),
    measure: async (subject, pending, { signal, onResult }) => {
      const some = pending.map((id) => byId.get(id)!);
      await subject.logLikelihoods(
        some.map(({ request }) => request),
        {
          signal,
          onResult: (index, { logLikelihoods, truncated }) =>
            onResult(some[index]!.id, {
              log_likelihoods: logLikelihoods,
              ...(truncated > 0 && { truncated }),
            } satisfies RankingResult),
        },
      );
    },
    isResult: (value) => 'log_likelihoods' in value && Array.isArray(value.log_likelihoods),
    figures: (results) => rankingFigures(benchmark, items, results as readonly RankingResult[]),
    remarks: (results) => {
      const cut = (results as readonly RankingResult[]).filter(
        ({ truncated }) => truncated !== undefined,
      ).length;
      return cut === 0
        ? []
        : [
            `${cut} of ${results.length} prompts were longer than the model's positions and lost their beginning`,
          ];
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Of the prompt itself: not of where its data lies, nor of how many other documents there are. */
const keyOf = ({ context, continuations }: LikelihoodRequest): string =>
  digest(JSON.stringify([context, continuations])).slice(0, 16);

/** All documents of a benchmark with their prompts, in the harness's order. */
export async function rankingItems(
  benchmark: Benchmark,
  { data, limit, primer: primerFile, ...settings }: RankingSettings,
): Promise<{
  readonly items: readonly RankingItem[];
  readonly files: Readonly<Record<string, string>>;
  readonly primer: string | null;
  readonly shots: number;
}> {
  const shots = benchmark.fixedShots ?? settings.shots;
  const primer = benchmark.needsPrimer ? await findPrimer(benchmark, data, primerFile) : null;
  const documents = ({ rows }: SplitRows): RankingDocument[] =>
    rows.map((row) => benchmark.document(row, primer ?? ''));
  const items: RankingItem[] = [];
  const files: Record<string, string> = {};
  for (const part of benchmark.parts) {
    const evaluated = await readSplit(benchmark, part, benchmark.split, data);
    Object.assign(files, evaluated.files);
    let pool: RankingDocument[] = [];
    if (shots > 0) {
      if (benchmark.exampleSplit === null) throw new Error(`${benchmark.name} has no examples`);
      const examples = await readSplit(benchmark, part, benchmark.exampleSplit, data);
      Object.assign(files, examples.files);
      pool = documents(examples);
    }
    // A part is a task of its own to the harness, with a sampler of its own.
    const examplesFor = chooseExamples(benchmark.examples, pool, shots, createPythonRandom(exampleSeed));
    const some = limit === null ? evaluated.rows : evaluated.rows.slice(0, limit);
    for (const [i, document] of documents({ ...evaluated, rows: some }).entries()) {
      items.push({
        id: benchmark.parts.length > 1 ? `${part.config}/${i}` : String(i),
        part,
        document,
        request: rankingRequest(part.header, examplesFor(document), document),
      });
    }
  }
  return { items, files, primer, shots };
}

const primerNames = ['truthfulqa_mc1.yaml', 'truthfulqa_mc1.yml', 'primer.txt'];

async function findPrimer(benchmark: Benchmark, data: DataPlaces, file: string | null): Promise<string> {
  if (file !== null) return readPrimer(file);
  const folders = [...candidateFolders(benchmark, benchmark.parts[0]!, data), ...data.folders];
  for (const path of folders.flatMap((folder) => primerNames.map((name) => join(folder, name)))) {
    if (await stat(path).catch(() => null)) return readPrimer(path);
  }
  throw new WhetstoneError(
    'NO_PRIMER',
    `${benchmark.name} needs the six questions and answers before each question`,
    {
      hint:
        'They are part of TruthfulQA and not of Whetstone: give the task file truthfulqa_mc1.yaml of ' +
        `lm-evaluation-harness, or a text file, with ${option('truthfulqaPrimer')}, or put it beside the data.`,
    },
  );
}

function rankingFigures(
  { name, metrics, parts }: Benchmark,
  items: readonly RankingItem[],
  results: readonly RankingResult[],
): Figure[] {
  const figures: Figure[] = [];
  for (const metric of metrics) {
    const scores = items.map(({ document: { choices, truth } }, i) =>
      rankingScore(metric, { choices, truth, logLikelihoods: results[i]!.log_likelihoods }),
    );
    /** Scores are weighed so that their mean is that of the parts. */
    const bySubject = (of: RankingMetric, members: readonly (readonly number[])[]): Figure => {
      const even = items.length / members.length;
      const weighed = members.flatMap((some) => some.map((score) => (score * even) / some.length));
      return { ...figure(name, weighed, meanOfParts(members)), metric: `${of}_by_subject` };
    };
    const figure = (of: string, some: readonly number[], mean: MeanFigure, detail?: true): Figure => ({
      name: of,
      metric,
      ...mean,
      scored: some.length,
      total: some.length,
      unit: 'share',
      scores: some,
      ...(detail && { detail }),
    });
    const ofPart = (part: BenchmarkPart): number[] => scores.filter((_, i) => items[i]!.part === part);
    if (parts.length === 1) {
      figures.push(figure(name, scores, meanFigure(scores)));
      continue;
    }
    figures.push(figure(name, scores, pooledFigure(parts.map(ofPart))));
    figures.push(bySubject(metric, parts.map(ofPart)));
    const groups = [...new Set(parts.map(({ group }) => group!))].filter((group) => group !== name);
    for (const group of groups) {
      const members = parts.filter((part) => part.group === group).map(ofPart);
      figures.push(figure(group, members.flat(), pooledFigure(members)));
    }
    for (const part of parts) {
      const own = ofPart(part);
      figures.push(figure(part.name!, own, meanFigure(own), true));
    }
  }
  return figures;
}
