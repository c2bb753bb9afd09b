// What the model card says of a run, gathered from its folder and from what the report found. Writes nothing.
import { basename, resolve } from 'node:path';
import { methodNamed, methodNames } from '../alignment/methods.ts';
import { dataSetOfFile, modelOfSnapshot } from '../hub/index.ts';
import { labelOf, readTriplets } from '../judgments/index.ts';
import type { ReportData } from '../report/index.ts';
import type { RunKind } from '../runs/claim.ts';
import { licenceOf } from './base-card.ts';
import type { EvaluatedRow } from './evaluation.ts';
import type { RunFacts } from './facts.ts';
import type { CardData, CardFacts } from './model-card.ts';
import type { Trained } from './trained.ts';

export interface CardSources {
  readonly facts: RunFacts;
  readonly kind: RunKind;
  readonly trained: Trained;
  readonly report: ReportData;
  readonly heldOut: string | null;
  readonly evaluated: readonly EvaluatedRow[];
}

export async function cardFacts({ facts, kind, trained, ...found }: CardSources): Promise<CardFacts> {
  const { settings } = facts.record;
  const name = typeof settings['method'] === 'string' ? settings['method'] : kind;
  return {
    ...found,
    trained,
    baseId: idOf(trained),
    licence: await licenceOf(trained.folder),
    data: await dataOf(facts),
    method: { name, title: methodNames().includes(name) ? methodNamed(name).title : '' },
  };
}

/** What an adapter names as its base is a hub's name, or a folder from the root. */
const idOf = ({ base, folder }: Trained): string | null =>
  /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(base) ? base : modelOfSnapshot(folder);

/** Of an online run the instructions. */
async function dataOf({ record: { settings, run } }: RunFacts): Promise<CardData | null> {
  const judged = settings['data'];
  const file = judged ?? settings['instructions'];
  if (typeof file !== 'string') return null;
  const digest = run[typeof judged === 'string' ? 'data' : 'instructions'];
  const { triplets } =
    typeof judged === 'string'
      ? await readTriplets(judged).catch(() => ({ triplets: null }))
      : { triplets: null };
  const wrong = triplets?.filter((triplet) => labelOf(triplet) === 'align-n').length ?? 0;
  return {
    name: basename(file),
    hubId: dataSetOfFile(resolve(file)),
    digest: typeof digest === 'string' ? digest : null,
    rows: triplets && { unsatisfactory: wrong, satisfactory: triplets.length - wrong },
  };
}
