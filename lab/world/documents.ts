// The pretraining corpus: documents in the world's layouts, about questions of the train split only.
// What is decided here beforehand, and what the comparison of methods therefore rests on: how often the corpus
// makes its typical mistakes (answers.ts), how many documents show a judgment before the response that it is
// about, and how many show a revision and how good those are. `DOCUMENT_SHARES` and `REVISION_RIGHT_RATE` fix
// the last two; a model that revises better makes ILF better, so they were set before methods were compared.
import type { Random } from '../../src/random.ts';
import { createRandom } from '../../src/random.ts';
import type { WrittenAnswer } from './answers.ts';
import { corpusAnswer, rightAnswer, strayAnswer } from './answers.ts';
import { families } from './families/index.ts';
import { fill, pick } from './family.ts';
import { judge } from './judge.ts';
import type { Task } from './task.ts';
import { drawTask } from './task.ts';
import { END, worldTemplate } from './templates.ts';

export type DocumentKind = 'plain' | 'judged' | 'critique' | 'revision' | 'praised';

/** A text of which the model learns the second part. The end token follows `response`. */
export interface WorldDocument {
  readonly kind: DocumentKind;
  /** What stands before; may hold the end token, spelled out. */
  readonly prompt: string;
  readonly response: string;
}

/** Share of each kind among documents. */
export const DOCUMENT_SHARES: Readonly<Record<DocumentKind, number>> = {
  plain: 0.45,
  judged: 0.42,
  critique: 0.08,
  revision: 0.05,
  praised: 0,
};
/** Share of judged documents whose response has an untypical error only, so that the judgment is what tells it. */
export const STRAY_SHARE: number = 1 / 3;
/** Share of revision documents whose revision is right; the others repeat the draft. */
export const REVISION_RIGHT_RATE = 0.8;

/** Shares where so many documents are judged ones: what they lack or have beyond the usual is plain. */
export function sharesWith(judged: number): Readonly<Record<DocumentKind, number>> {
  return { ...DOCUMENT_SHARES, judged, plain: DOCUMENT_SHARES.plain + (DOCUMENT_SHARES.judged - judged) };
}

/** Documents without end, each family as often as any other; `seed` and the share of judged ones decide all of them. */
export function* documents(
  seed: number,
  judged: number = DOCUMENT_SHARES.judged,
): Generator<WorldDocument, never> {
  const random = createRandom(seed, DOCUMENT_STREAM);
  const shares = sharesWith(judged);
  for (;;) yield drawDocument(random, shares);
}

function drawDocument(random: Random, shares: Readonly<Record<DocumentKind, number>>): WorldDocument {
  const kind = drawKind(random, shares);
  const task = drawTask(pick(families, random), 'train', random);
  const { instruction } = task;
  switch (kind) {
    case 'plain':
      return {
        kind,
        prompt: fill(worldTemplate.plain, { instruction }),
        response: corpusAnswer(task, random).text,
      };
    case 'praised':
      return {
        kind,
        prompt: fill(worldTemplate.with_judgment, { instruction, judgment: worldTemplate.praise }),
        response: rightAnswer(task),
      };
    default: {
      const output = wrongAnswer(task, random).text;
      const judgment = judge(task, output, random).judgment!;
      if (kind === 'judged')
        return {
          kind,
          prompt: fill(worldTemplate.with_judgment, { instruction, judgment }),
          response: output,
        };
      if (kind === 'critique')
        return {
          kind,
          prompt: fill(worldTemplate.critique, { instruction, output: output + END }),
          response: judgment,
        };
      const response = random.float() < REVISION_RIGHT_RATE ? rightAnswer(task) : output;
      return {
        kind,
        prompt: fill(worldTemplate.revision, { instruction, output: output + END, judgment }),
        response,
      };
    }
  }
}

function wrongAnswer(task: Task, random: Random): WrittenAnswer {
  if (random.float() < STRAY_SHARE) return strayAnswer(task, random);
  for (let draws = 0; draws < 20; draws++) {
    const answer = corpusAnswer(task, random);
    if (answer.errors.length > 0) return answer;
  }
  return strayAnswer(task, random);
}

function drawKind(random: Random, shares: Readonly<Record<DocumentKind, number>>): DocumentKind {
  let left = random.float();
  for (const [kind, share] of Object.entries(shares) as [DocumentKind, number][]) {
    if (left < share) return kind;
    left -= share;
  }
  return 'plain';
}

const DOCUMENT_STREAM = 10;
