// The phases of a round before training: the model responds, the judge judges, each result is in the journal before
// it counts. Knows the journal, speakers and judges; what is drawn and learned is decided elsewhere.
import { doWork } from '../../durable/work.ts';
import { samplingOf } from '../../generation/index.ts';
import type { Response } from '../../generation/index.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Judge, Judged, Outcome } from '../../judges/judge.ts';
import { isJudged } from '../../judges/judge.ts';
import type { Instruction } from '../../generation/instructions.ts';
import type { Triplet } from '../../judgments/index.ts';
import { marksOf } from '../../judgments/marks.ts';
import { createRandom } from '../../random.ts';
import { promptOf } from '../../rows/conversation.ts';
import type { History, Part } from './history.ts';
import { countOutcomes } from './history.ts';
import type { OnlineProgress } from './progress.ts';
import type { OnlineSettings } from './settings.ts';
import type { Responder } from './speakers.ts';
import { option } from '../../words/option.ts';
import { note } from '../../words/note.ts';

/** One part of one round: which instructions are responded to, by position in `instructions`. */
export interface PartOfRound {
  readonly round: number;
  readonly part: Part;
  readonly instructions: readonly Instruction[];
  readonly positions: readonly number[];
}

export interface Means {
  readonly history: History;
  readonly settings: OnlineSettings;
  readonly signal?: AbortSignal;
  readonly on: (progress: OnlineProgress) => void;
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const RESPONSE_STREAM = 14;

/** Lets the model respond to what has no response yet. Held-out instructions are always answered greedily. */
export async function respondToAll(
  { round, part, instructions, positions }: PartOfRound,
  speaker: () => Promise<Responder>,
  { history, settings, signal, on }: Means,
): Promise<void> {
  const { responses } = history.of(round, part);
  const { temperature, stop, seed } = settings;
  await doWork<number, Response>({
    what: 'responses',
    items: positions,
    isKept: (position) => responses.has(position),
    keep: (instruction, { text: output, finished, tokens }) =>
      history.add({ event: 'response', round, part, instruction, output, finished, tokens }),
    work: async (missing, hand) => {
      const respond = await speaker();
      await respond(
        missing.map((position) => instructions[position]!),
        {
          ...samplingOf(settings),
          stop: stop ?? [],
          temperature: part === 'held-out' ? 0 : temperature,
          seeds: missing.map((position) => createRandom(seed, RESPONSE_STREAM, round, position).uint32()),
          ...(signal && { signal }),
          onResponse: (i, response) => hand(missing[i]!, response),
        },
      );
    },
    signal,
    onProgress: (done, total) => on({ kind: 'responding', round, part, done, total }),
  });
}

/**
 * Has every response judged that is not yet, and with `cacheJudgments` in no earlier round. Throws what the judge
 * throws, and WhetstoneError `JUDGE_UNRELIABLE` if it left more than the share `maxUnscored` of them unscored; those
 * are asked again when the run goes on.
 */
export async function judgeAll(
  { round, part, instructions, positions }: PartOfRound,
  judge: Judge,
  { history, settings, signal, on }: Means,
): Promise<void> {
  const { responses, outcomes } = history.of(round, part);
  if (settings.cacheJudgments) await takeOver({ round, part, positions }, history);
  let shown = 0;
  await doWork<number, Outcome>({
    what: 'judgments',
    items: positions,
    isKept: (position) => outcomes.has(position),
    keep: async (instruction, outcome) => {
      const place = { round, part, instruction };
      if (!isJudged(outcome)) return history.add({ event: 'unscored', ...place, reason: outcome.unscored });
      const { judgment, suspicious, errors } = outcome;
      if (suspicious && shown++ < mostShown)
        on({ kind: 'note', note: note('SUSPICIOUS_JUDGMENT', describeSuspicious(outcome)) });
      await history.add({
        event: 'judgment',
        ...{ ...place, judgment },
        ...(suspicious && { suspicious }),
        ...(errors && { errors: marksOf(errors) }),
      });
    },
    work: (missing, hand) =>
      judge.judge(
        missing.map((position) => {
          const { output } = responses.get(position)!;
          return { id: String(position), ...promptOf(instructions[position]!), output };
        }),
        {
          ...(signal && { signal }),
          about: round === 0 ? `before training, ${part}` : `round ${round}, ${part}`,
          // A judge that is not deterministic is asked again where its reply to the same question is kept.
          ...(!settings.cacheJudgments && { occasion: `round ${round}, ${part}` }),
          onOutcome: (outcome) => hand(Number(outcome.id), outcome),
        },
      ),
    signal,
    onProgress: (done, total) => on({ kind: 'judging', round, part, done, total }),
  });
  await requireReliable({ round, part }, [...outcomes.values()], judge, { history, settings });
}

/** Judgments of earlier rounds of the same responses to the same instructions. */
async function takeOver(
  { round, part, positions }: Omit<PartOfRound, 'instructions'>,
  history: History,
): Promise<void> {
  const { responses, outcomes } = history.of(round, part);
  await Promise.all(
    positions.map(async (instruction) => {
      if (outcomes.has(instruction)) return;
      const { output } = responses.get(instruction)!;
      const before = history.judgedBefore(round, part, instruction, output);
      if (before === null) return;
      const { judgment, suspicious, errors } = before;
      await history.add({
        event: 'judgment',
        ...{ round, part, instruction, judgment, cached: true },
        ...(suspicious && { suspicious }),
        ...(errors && { errors: marksOf(errors) }),
      });
    }),
  );
}

/** Suspicious judgments of a round that a person is shown; all are marked in the journal. */
const mostShown = 3;

function describeSuspicious({ judgment, suspicious }: Judged): string {
  const what =
    suspicious === 'praise'
      ? 'counts as criticism, but sounds like praise'
      : 'counts as praise, but seems to criticise';
  const words = (judgment ?? '').replace(/\s+/g, ' ');
  return `A judgment ${what}: ${words.length > 120 ? `${words.slice(0, 120)}…` : words}`;
}

async function requireReliable(
  { round, part }: Pick<PartOfRound, 'round' | 'part'>,
  outcomes: readonly Outcome[],
  judge: Judge,
  { history, settings }: Pick<Means, 'history' | 'settings'>,
): Promise<void> {
  const { unscored } = countOutcomes(outcomes);
  if (unscored <= settings.maxUnscored * outcomes.length) return;
  const reasons = new Map<string, number>();
  for (const outcome of outcomes) {
    if ('unscored' in outcome) reasons.set(outcome.unscored, (reasons.get(outcome.unscored) ?? 0) + 1);
  }
  const problems = [...reasons]
    .sort(([, a], [, b]) => b - a)
    .map(([reason, times]) => ({ problem: `${times} times: ${reason}` }));
  await history.add({
    event: 'judge_stopped',
    round,
    part,
    reason: `${unscored} of ${outcomes.length} unscored`,
  });
  throw new WhetstoneError(
    'JUDGE_UNRELIABLE',
    `round ${round}: ${judge.name} gave no judgment of ${unscored} of ${outcomes.length} responses`,
    {
      problems,
      shown: 3,
      hint: `Nothing is lost: put the judge right and go on with ${option('resume')}, which asks for these again; ${option('maxUnscored')} sets the share to put up with.`,
    },
  );
}

/** The judged responses of a part as triplets, in the order of the instructions; those without a score are left out. */
export function tripletsOf(
  { round, part, instructions, positions }: PartOfRound,
  { history }: Pick<Means, 'history'>,
): { readonly triplets: Triplet[]; readonly finished: boolean[] } {
  const { responses, outcomes } = history.of(round, part);
  const triplets: Triplet[] = [];
  const finished: boolean[] = [];
  for (const position of positions) {
    const outcome = outcomes.get(position);
    if (outcome === undefined || !isJudged(outcome)) continue;
    const { id, row, ...prompt } = instructions[position]!;
    const response = responses.get(position)!;
    triplets.push({
      id: id ?? row,
      ...promptOf(prompt),
      output: response.output,
      judgment: outcome.judgment,
      ...(outcome.errors && { errors: outcome.errors }),
      source: { file: `round ${round}`, row },
    });
    finished.push(response.finished);
  }
  return { triplets, finished };
}
