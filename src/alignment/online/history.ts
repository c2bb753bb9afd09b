// The journal of an online run, events.jsonl: what was drawn, responded, judged, trained and found, as it happened.
// Knows records and what follows from them; it does not know how anything is computed.
import { isJudged } from '../../judges/judge.ts';
import type { Judged, Outcome } from '../../judges/judge.ts';
import { openJournal } from '../../durable/journal.ts';
import type { Journal } from '../../durable/journal.ts';
import { labelOf } from '../../judgments/index.ts';
import type { Label } from '../../judgments/index.ts';
import { spansOf } from '../../judgments/marks.ts';
import type { Mark } from '../../judgments/marks.ts';

/** Responses of a round to train on, or of its evaluation on held-out instructions (round 0: before training). */
export type Part = 'training' | 'held-out';

export interface ResponseRecord {
  readonly output: string;
  /** Whether the model ended it within its limit of tokens. */
  readonly finished: boolean;
  readonly tokens: number;
}

/** Counts of a round's responses or of an evaluation's. */
export interface JudgedCounts {
  readonly satisfactory: number;
  readonly unsatisfactory: number;
  readonly unscored: number;
}

/** What a line of events.jsonl says, beside the time `at`; `instruction` counts from 0 among those of its part. */
export type RunEvent =
  | { readonly event: 'drawn'; readonly round: number; readonly instructions: readonly number[] }
  | ({ readonly event: 'response' } & Place & ResponseRecord)
  | ({ readonly event: 'judgment' } & Place & {
        readonly judgment: string | null;
        readonly suspicious?: string;
        /** Where the judge marked the response, in code points. */
        readonly errors?: readonly Mark[];
        /** It is an earlier round's, of the same response. */
        readonly cached?: true;
      })
  | ({ readonly event: 'unscored' } & Place & { readonly reason: string })
  /** The judge could not be relied on; what it left unscored is asked again. */
  | { readonly event: 'judge_stopped'; readonly round: number; readonly part: Part; readonly reason: string }
  | { readonly event: 'trained'; readonly round: number; readonly steps: number; readonly rows: number }
  | ({ readonly event: 'evaluated'; readonly round: number } & JudgedCounts);

export interface Place {
  readonly round: number;
  readonly part: Part;
  readonly instruction: number;
}

/** What is known of one part of one round. */
export interface PartHistory {
  readonly responses: ReadonlyMap<number, ResponseRecord>;
  readonly outcomes: ReadonlyMap<number, Outcome>;
}

export interface History {
  /** How a round before this one had the same response to the same instruction judged; null if none had. */
  judgedBefore(round: number, part: Part, instruction: number, output: string): Judged | null;
  /** Positions that a round responds to; null before they were drawn. */
  drawn(round: number): readonly number[] | null;
  of(round: number, part: Part): PartHistory;
  trained(round: number): { readonly steps: number; readonly rows: number } | null;
  evaluated(round: number): JudgedCounts | null;
  /** Positions that rounds before this one responded to, and how often their responses were rejected. */
  before(round: number): {
    readonly used: ReadonlySet<number>;
    readonly failures: ReadonlyMap<number, number>;
  };
  /** Whether the journal's last line had been cut off by a kill. */
  readonly repaired: boolean;
  /** Appends an event; it is on disk when this resolves. */
  add(event: RunEvent): Promise<void>;
  close(): Promise<void>;
}

interface MutablePart {
  readonly responses: Map<number, ResponseRecord>;
  readonly outcomes: Map<number, Outcome>;
}

/** Opens RUN/events.jsonl. Throws WhetstoneError `DAMAGED_JOURNAL`, and `DISK_FULL` when appending. */
export async function openHistory(path: string): Promise<History> {
  const journal: Journal<RunEvent & { readonly at?: string }> = await openJournal(path, parseEvent);
  const drawn = new Map<number, readonly number[]>();
  const trained = new Map<number, { steps: number; rows: number }>();
  const evaluated = new Map<number, JudgedCounts>();
  const parts = new Map<string, MutablePart>();
  const partOf = (round: number, part: Part): MutablePart => {
    const key = `${round} ${part}`;
    const known = parts.get(key) ?? { responses: new Map(), outcomes: new Map() };
    parts.set(key, known);
    return known;
  };
  const take = (event: RunEvent): void => {
    switch (event.event) {
      case 'drawn':
        drawn.set(event.round, event.instructions);
        break;
      case 'response': {
        const { output, finished, tokens } = event;
        partOf(event.round, event.part).responses.set(event.instruction, { output, finished, tokens });
        break;
      }
      case 'judgment':
      case 'unscored':
        partOf(event.round, event.part).outcomes.set(event.instruction, outcomeOf(event));
        break;
      case 'judge_stopped': {
        const { outcomes } = partOf(event.round, event.part);
        for (const [instruction, outcome] of outcomes) {
          if ('unscored' in outcome) outcomes.delete(instruction);
        }
        break;
      }
      case 'trained':
        trained.set(event.round, { steps: event.steps, rows: event.rows });
        break;
      case 'evaluated':
        evaluated.set(event.round, event);
        break;
    }
  };
  journal.records.forEach(take);
  return {
    judgedBefore: (round, part, instruction, output) => {
      for (let earlier = round - 1; earlier >= 0; earlier--) {
        const { responses, outcomes } = partOf(earlier, part);
        const outcome = outcomes.get(instruction);
        if (outcome && isJudged(outcome) && responses.get(instruction)?.output === output) return outcome;
      }
      return null;
    },
    drawn: (round) => drawn.get(round) ?? null,
    of: partOf,
    trained: (round) => trained.get(round) ?? null,
    evaluated: (round) => evaluated.get(round) ?? null,
    before: (round) => {
      const used = new Set<number>();
      const failures = new Map<number, number>();
      for (const [earlier, instructions] of drawn) {
        if (earlier >= round) continue;
        for (const position of instructions) used.add(position);
        for (const [position, outcome] of partOf(earlier, 'training').outcomes) {
          if (labelOfOutcome(outcome) === 'align-n')
            failures.set(position, (failures.get(position) ?? 0) + 1);
        }
      }
      return { used, failures };
    },
    repaired: journal.repaired,
    add: async (event) => {
      await journal.append({ ...event, at: new Date().toISOString() });
      take(event);
    },
    close: () => journal.close(),
  };
}

const outcomeOf = (event: Extract<RunEvent, { event: 'judgment' | 'unscored' }>): Outcome => {
  const id = String(event.instruction);
  if (event.event === 'unscored') return { id, unscored: event.reason };
  const { judgment, suspicious, errors } = event;
  return {
    id,
    judgment,
    ...(suspicious !== undefined && { suspicious: suspicious as 'praise' | 'criticism' }),
    ...(errors !== undefined && { errors: spansOf(errors)! }),
  };
};

/** How a response was judged; null if it was not scored. */
export const labelOfOutcome = (outcome: Outcome): Label | null =>
  'unscored' in outcome ? null : labelOf({ judgment: outcome.judgment });

export function countOutcomes(outcomes: Iterable<Outcome>): JudgedCounts {
  const counts = { satisfactory: 0, unsatisfactory: 0, unscored: 0 };
  for (const outcome of outcomes) {
    const label = labelOfOutcome(outcome);
    if (label === null) counts.unscored++;
    else if (label === 'align-p') counts.satisfactory++;
    else counts.unsatisfactory++;
  }
  return counts;
}

type Check = (value: unknown) => boolean;
const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText: Check = (value) => typeof value === 'string';
const isPart: Check = (value) => value === 'training' || value === 'held-out';
const place = { part: isPart, instruction: isWhole };

/** What a line of each kind has to hold beside its round; whoever goes on relies on it. */
const expected: Readonly<Record<RunEvent['event'], Readonly<Record<string, Check>>>> = {
  drawn: { instructions: (value) => Array.isArray(value) && value.every(isWhole) },
  response: { ...place, output: isText, finished: (value) => typeof value === 'boolean', tokens: isWhole },
  judgment: {
    ...place,
    judgment: (value) => value === null || isText(value),
    errors: (value) => value === undefined || spansOf(value) !== null,
  },
  unscored: { ...place, reason: isText },
  judge_stopped: { part: isPart, reason: isText },
  trained: { steps: isWhole, rows: isWhole },
  evaluated: { satisfactory: isWhole, unsatisfactory: isWhole, unscored: isWhole },
};

function parseEvent(value: unknown): RunEvent | null {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const { event } = fields;
  if (typeof event !== 'string' || !Object.hasOwn(expected, event) || !isWhole(fields['round'])) return null;
  const right = Object.entries(expected[event as RunEvent['event']]).every(([name, is]) => is(fields[name]));
  return right ? (value as RunEvent) : null;
}
