// What the Compare room knows: the studio's state, who is chosen, the answers that grow. Asks the studio; draws nothing.
import { computed, signal } from '@preact/signals';
import type {
  AskBoth,
  CompareState,
  ComparedPair,
  PairEvent,
  Side,
  Vote,
} from '../../../src/studio/api/compare.ts';
import { postForEvents, postJson } from '../../shell/api.ts';
import { asking } from '../../shell/asking.ts';

export const compare = signal<CompareState | null>(null);
/** Why there is no state, or no longer. */
export const lost = signal<string | null>(null);

/** Chosen here; null: as it comes. */
const chosenFirst = signal<string | null>(null);
const chosenSecond = signal<string | null>(null);
const there = (id: string | null): string | null =>
  compare.value?.contenders.some((each) => each.id === id) ? id : null;

/** At first the newest version of what Chat learned, or the newest run, against the model as it is. */
export const first = computed(() => {
  const contenders = compare.value?.contenders ?? [];
  const newest =
    contenders.findLast(({ id }) => id.startsWith('version:')) ??
    contenders.find(({ id }) => id.startsWith('run:'));
  return there(chosenFirst.value) ?? newest?.id ?? contenders[0]?.id ?? null;
});
export const second = computed(() => {
  const contenders = compare.value?.contenders ?? [];
  return there(chosenSecond.value) ?? contenders.find(({ id }) => id !== first.value)?.id ?? null;
});
const identityOf = (id: string | null): string | null =>
  compare.value?.contenders.find((each) => each.id === id)?.identity ?? null;
/** What the two are, whatever they are called. */
export const chosen = computed(() => [identityOf(first.value), identityOf(second.value)] as const);
/** Whether votes between these are votes between the chosen two. */
export const isOfChosen = ({ identities }: Tally): boolean =>
  identities.every((each) => chosen.value.includes(each)) && identities[0] !== identities[1];
export const chooseFirst = (id: string): void => void (chosenFirst.value = id);
export const chooseSecond = (id: string): void => void (chosenSecond.value = id);

export const blind = signal(true);
export const prompt = signal('');
export const problem = signal<unknown>(null);
/** Said to those who hear the page and do not see it. */
export const announcement = signal('');

/** A pair under way. */
export interface GrowingPair {
  readonly prompt: string;
  readonly texts: Readonly<Record<Side, string>>;
  readonly stop: () => void;
}
export const growing = signal<GrowingPair | null>(null);

/** The tally of the two that are chosen, seen from the first. */
export const tally = computed(() => {
  const found = compare.value?.tallies.find(isOfChosen);
  if (found === undefined) return null;
  return found.identities[0] === chosen.value[0] ? found : turned(found);
});

type Tally = CompareState['tallies'][number];
const turned = (tally: Tally): Tally => ({
  ...tally,
  first: tally.second,
  second: tally.first,
  identities: [tally.identities[1], tally.identities[0]],
  winRate: 1 - tally.winRate,
  low: 1 - tally.high,
  high: 1 - tally.low,
  wins: tally.losses,
  losses: tally.wins,
});

/** The first of the given prompts that the two were not voted on; null where there is none. */
export const nextPrompt = computed(() => {
  const voted = new Set(tally.value?.prompts);
  const now = compare.value?.pair?.prompt;
  return compare.value?.prompts.find((each) => !voted.has(each) && each !== now) ?? null;
});

export async function askBoth(text: string): Promise<void> {
  const [a, b] = [first.value, second.value];
  if (a === null || b === null || growing.value !== null) return;
  const abort = new AbortController();
  problem.value = null;
  growing.value = { prompt: text, texts: { A: '', B: '' }, stop: () => abort.abort() };
  announcement.value = 'Both are answering.';
  try {
    const asked: AskBoth = { first: a, second: b, prompt: text, blind: blind.value };
    await postForEvents<PairEvent>('/api/compare/pairs', asked, (event) => take(event), abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) {
      problem.value = error;
      if (prompt.value === '') prompt.value = text;
    }
  } finally {
    growing.value = null;
  }
}

function take(event: PairEvent): void {
  const now = growing.value!;
  if (event.kind === 'text') {
    const texts = { ...now.texts, [event.side]: now.texts[event.side] + event.text };
    growing.value = { ...now, texts };
    return;
  }
  announcement.value = `A: ${event.pair.texts.A}. B: ${event.pair.texts.B}.`;
  show(event.pair);
}

/** Before the studio tells it to all. */
const show = (pair: ComparedPair): void => {
  if (compare.value !== null) compare.value = { ...compare.value, pair };
};

const askingHere = async (work: () => Promise<unknown>): Promise<void> => {
  await asking((error) => (problem.value = error), work);
};

const said: Readonly<Record<Vote, string>> = { A: 'A is better.', B: 'B is better.', alike: 'Both alike.' };

export function voteFor(vote: Vote): Promise<void> {
  const pair = compare.value?.pair ?? null;
  if (pair === null || growing.value !== null) return Promise.resolve();
  announcement.value = said[vote];
  return askingHere(() => postJson('/api/compare/votes', { pair: pair.id, vote }));
}

export const undo = (): Promise<void> => askingHere(() => postJson('/api/compare/undo', {}));
