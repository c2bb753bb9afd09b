// What a run learns from, as text and then as token examples. Knows files, templates, labels and the method's
// roles; it does not know the engine.
import type { Sequence } from '../engine/engine.ts';
import {
  buildExamples,
  isSound,
  keptAfterDownsampling,
  labelOf,
  readSoundTriplets,
  readTriplets,
  requireSound,
  withSource,
} from '../judgments/index.ts';
import type { Example, GivenTriplet, LeftOut, Triplet } from '../judgments/index.ts';
import type { Role } from '../objectives/objective.ts';
import { contextOf, loadVoice } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import type { TemplateStrings } from '../tokens/index.ts';
import { lessonsFrom, methodNamed } from './methods.ts';
import { templateText } from './record.ts';
import type { AlignSettings } from './settings.ts';

export interface RunData extends Voice {
  readonly rows: readonly Triplet[];
  /** What examples are made of: the rows or the pairs that they make. */
  readonly triplets: readonly Triplet[];
  /** Those of them that down-sampling kept. */
  readonly positions: readonly number[];
  /** Rows that down-sampling left out. */
  readonly downsampled: number;
  /** Rows that the check refuses and that were left out. */
  readonly invalid: readonly LeftOut[];
  /** Most tokens that the model takes; undefined where its configuration does not say. */
  readonly maxPositions?: number | undefined;
  /** The field of config.json, other than max_position_embeddings, that ends them. */
  readonly positionsEndedBy?: string | null | undefined;
}

/** Reads tokenizer, template and rows. `now` is the date that a chat template may write into prompts. */
export async function readRunData(
  settings: AlignSettings,
  {
    triplets: given,
    checked = false,
    now,
  }: { triplets: readonly GivenTriplet[] | undefined; checked?: boolean | undefined; now: Date },
): Promise<RunData> {
  const { model, template, templateArgs, downsample, seed, method } = settings;
  const voice = await loadVoice({ model, template, args: templateArgs ?? {}, now });
  const { rows, invalid } = await readRows(settings, { given, checked });
  const kept =
    downsample === null
      ? Array.from(rows.keys())
      : Array.from(keptAfterDownsampling(rows.map(labelOf), downsample, seed));
  const { maxPositions, positionsEndedBy } = await contextOf(model);
  const counts = {
    ...voice,
    rows,
    invalid,
    maxPositions,
    positionsEndedBy,
    downsampled: rows.length - kept.length,
  };
  if (methodNamed(method).from !== 'pairs')
    return { ...counts, triplets: lessonsFrom(method, rows), positions: kept };
  const pairs = lessonsFrom(
    method,
    kept.map((position) => rows[position]!),
  );
  return { ...counts, triplets: pairs, positions: Array.from(pairs.keys()) };
}

async function readRows(
  { data, skipInvalid }: AlignSettings,
  { given, checked }: { given: readonly GivenTriplet[] | undefined; checked: boolean },
): Promise<{ readonly rows: readonly Triplet[]; readonly invalid: readonly LeftOut[] }> {
  if (checked && given === undefined) return { rows: (await readTriplets(data!)).triplets, invalid: [] };
  if (given === undefined) {
    const { triplets, leftOut } = await readSoundTriplets(data!, { skipInvalid });
    return { rows: triplets, invalid: leftOut };
  }
  const rows = given.map(withSource);
  if (!skipInvalid) requireSound(rows);
  return { rows: skipInvalid ? rows.filter(isSound) : rows, invalid: [] };
}

/** Positions of the rows that the model has to write a revision for. */
export function withoutRevision(
  { triplets, positions }: Pick<RunData, 'triplets' | 'positions'>,
  settings: AlignSettings,
): number[] {
  const { from, usable } = methodNamed(settings.method);
  if (from !== 'revisions') return [];
  return positions.filter((position) => {
    const triplet = triplets[position]!;
    return usable(triplet, settings) && triplet.revision === undefined;
  });
}

/** The triplets with their responses as revisions where the model is still to write some. */
export function standIns(triplets: readonly Triplet[], wanting: readonly number[]): readonly Triplet[] {
  if (wanting.length === 0) return triplets;
  const all = [...triplets];
  for (const position of wanting) all[position] = { ...all[position]!, revision: all[position]!.output };
  return all;
}

/** Encodes what the method asks for; see `buildExamples`. */
export async function encodeRunData(
  { tokenizer, template, positions, maxPositions, positionsEndedBy }: RunData,
  triplets: readonly Triplet[],
  settings: AlignSettings,
): Promise<{ examples: readonly Example[]; unused: number; long: readonly LeftOut[] }> {
  const { examples, summary, long } = await buildExamples(triplets, {
    tokenizer,
    template,
    positions,
    cutoffLength: settings.cutoffLen,
    maxPositions,
    positionsEndedBy,
    longRows: settings.longRows,
    roles: (triplet) => methodNamed(settings.method).roles(triplet, settings),
  });
  return { examples, unused: summary.unused, long };
}

export const sequencesOf = (examples: readonly Example[]): Sequence[] =>
  examples.flatMap(({ sequences }) => Object.values(sequences));

/** The texts of the template that the run's prompts come from. Throws `TEMPLATE_LACKS`. */
export function usedTemplate(
  { template, triplets, positions }: Pick<RunData, 'template' | 'triplets' | 'positions'>,
  settings: AlignSettings,
): TemplateStrings {
  const { from, roles } = methodNamed(settings.method);
  const used = new Set<Role>(positions.flatMap((position) => roles(triplets[position]!, settings)));
  return templateText(template, {
    critique: used.has('critique'),
    revision: used.has('revising') || from === 'revisions',
    nextMessage: used.has('forewarned'),
    praise: used.has('praised'),
  });
}
