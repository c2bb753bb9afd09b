// Pairs of answers and the votes on them, RUNS/compare/votes.jsonl: what was asked and answered, what was voted and taken
// back, and what follows for each two. Knows records and shares, no model.
import { winRate } from '../../evaluation/win-rate/win-rate.ts';
import { openJournal } from '../../durable/journal.ts';
import type { Journal } from '../../durable/journal.ts';
import { isFields } from '../../rows/fields.ts';
import { bootstrapMean } from '../../statistics/bootstrap.ts';
import type { ComparedPair, Side, Tally, Vote } from '../api/compare.ts';

/** What gave an answer: its name for people, and what it was, whatever carries that name now. */
export interface Answered {
  readonly title: string;
  readonly identity: string;
  readonly text: string;
}

export interface AskedPair {
  readonly id: string;
  readonly prompt: string;
  readonly blind: boolean;
  readonly A: Answered;
  readonly B: Answered;
}

type Line =
  | ({ readonly event: 'asked' } & AskedPair)
  /** Null takes a vote back. */
  | { readonly event: 'voted'; readonly id: string; readonly vote: Vote | null };

export interface Votes {
  /** The one that was asked last. */
  last(): ComparedPair | null;
  tallies(): Tally[];
  canUndo(): boolean;
  nextId(): string;
  ask(pair: AskedPair): Promise<ComparedPair>;
  /** In place of an earlier vote on the pair; false where there is no such pair. */
  vote(id: string, vote: Vote): Promise<boolean>;
  /** Takes the last vote back that holds; its pair is then the last again. */
  undo(): Promise<void>;
  close(): Promise<void>;
}

/** Only its owner may read what people say to a model. */
const ownerOnly = 0o600;

/** Throws `DAMAGED_JOURNAL`. */
export async function openVotes(path: string): Promise<Votes> {
  const journal: Journal<Line & { readonly at: string }> = await openJournal(path, lineReader(), {
    mode: ownerOnly,
  });
  const pairs = new Map<string, AskedPair>();
  /** In the order in which they were given; the last on a pair counts. */
  const votes = new Map<string, Vote>();
  let last: string | null = null;
  const take = (line: Line): void => {
    last = line.id;
    if (line.event === 'asked') pairs.set(line.id, line);
    else {
      votes.delete(line.id);
      if (line.vote !== null) votes.set(line.id, line.vote);
    }
  };
  journal.records.forEach(take);
  const add = async (line: Line): Promise<void> => {
    await journal.append({ ...line, at: new Date().toISOString() });
    take(line);
  };
  const shown = (pair: AskedPair): ComparedPair => {
    const vote = votes.get(pair.id) ?? null;
    const { id, prompt, A, B, blind } = pair;
    return {
      ...{ id, prompt, vote },
      texts: { A: A.text, B: B.text },
      titles: blind && vote === null ? null : { A: A.title, B: B.title },
    };
  };
  return {
    last: () => (last === null ? null : shown(pairs.get(last)!)),
    tallies: () => {
      const voted = [...votes].map(([id, vote]) => ({ pair: pairs.get(id)!, vote }));
      return talliesOf(voted).reverse();
    },
    canUndo: () => votes.size > 0,
    nextId: () => `p${pairs.size + 1}`,
    ask: async (pair) => {
      await add({ event: 'asked', ...pair });
      return shown(pair);
    },
    vote: async (id, vote) => {
      if (!pairs.has(id)) return false;
      await add({ event: 'voted', id, vote });
      return true;
    },
    undo: async () => {
      const id = [...votes.keys()].at(-1);
      if (id !== undefined) await add({ event: 'voted', id, vote: null });
    },
    close: () => journal.close(),
  };
}

interface Voted {
  readonly pair: AskedPair;
  readonly vote: Vote;
}

/** Of every two that were voted on, in the order of their last votes. */
export function talliesOf(voted: readonly Voted[]): Tally[] {
  const twos = new Map<string, Voted[]>();
  for (const one of voted) {
    const key = [one.pair.A.identity, one.pair.B.identity].sort().join(' ');
    const before = twos.get(key) ?? [];
    twos.delete(key);
    twos.set(key, [...before, one]);
  }
  return [...twos.values()].map((own) => {
    const { A: first, B: second } = own[0]!.pair;
    // As AlpacaEval counts: 2 where the first is better, 1 where the second is, 1.5 for both alike.
    const preferences = own.map(({ pair, vote }) => {
      if (vote === 'alike') return 1.5;
      return pair[vote].identity === first.identity ? 2 : 1;
    });
    const { wins, losses, draws } = winRate(preferences);
    const { value, low, high } = bootstrapMean([preferences.map((preference) => preference - 1)]);
    return {
      ...{ first: first.title, second: second.title },
      identities: [first.identity, second.identity],
      ...{ winRate: value, low, high, wins, losses, alike: draws },
      prompts: [...new Set(own.map(({ pair }) => pair.prompt))],
    };
  });
}

const isAnswered = (value: unknown): value is Answered =>
  isFields(value) && ['title', 'identity', 'text'].every((name) => typeof value[name] === 'string');

/** A reader of lines that also sees to it that votes are on pairs that the lines before them have. */
function lineReader(): (value: unknown) => (Line & { readonly at: string }) | null {
  const asked = new Set<string>();
  return (value) => {
    if (!isFields(value)) return null;
    const { event, id, vote } = value;
    if (typeof id !== 'string') return null;
    const line = value as unknown as Line & { readonly at: string };
    if (event === 'asked') {
      if (asked.has(id) || typeof value['prompt'] !== 'string' || typeof value['blind'] !== 'boolean')
        return null;
      if (!(['A', 'B'] satisfies Side[]).every((side) => isAnswered(value[side]))) return null;
      asked.add(id);
      return line;
    }
    const isVote = vote === null || vote === 'A' || vote === 'B' || vote === 'alike';
    return event === 'voted' && isVote && asked.has(id) ? line : null;
  };
}
