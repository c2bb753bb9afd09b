// Two models that are asked the same, side by side: opened when they are asked, kept open while they are asked again. Knows
// the library and the votes; it does not know who looks.
import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../durable/files.ts';
import { lockFile } from '../../durable/lock.ts';
import { WhetstoneError } from '../../errors.ts';
import { generateText, openModel } from '../../generation/index.ts';
import type { OpenedModel } from '../../generation/index.ts';
import { encodePrompt } from '../../tokens/index.ts';
import type { AskBoth, CompareState, ComparedPair, PairEvent, Side, Vote } from '../api/compare.ts';
import type { Studio } from '../studio.ts';
import { createIdentities, findContenders } from './contenders.ts';
import type { ContenderPlace } from './contenders.ts';
import { openVotes } from './votes.ts';
import type { Votes } from './votes.ts';

export interface Comparison {
  state(): Promise<CompareState>;
  /** Asks both; the last event is the pair, which is kept by then. An abort keeps nothing. */
  ask(asked: AskBoth, send: (event: PairEvent) => void, signal: AbortSignal): Promise<void>;
  vote(pair: string, vote: Vote): Promise<void>;
  undo(): Promise<void>;
  close(): Promise<void>;
}

const maxNewTokens = 512;
/** Both of a pair. */
const keptOpen = 2;

interface Known {
  readonly place: ContenderPlace;
  readonly identity: string;
}

export function openComparison(studio: Studio, prompts: readonly string[], changed: () => void): Comparison {
  const { threads, openEngine, onNote } = studio;
  const file = join(resolve(studio.runs), 'compare', 'votes.jsonl');
  let opening: Promise<{ readonly votes: Votes; readonly release: () => Promise<void> }> | null = null;
  // Opened when somebody looks: another studio may have the folder's votes, which is told where it matters.
  const votes = async (): Promise<Votes> => {
    opening ??= (async () => {
      await makeFolder(join(resolve(studio.runs), 'compare'));
      const lock = await lockFile(file, { onNote });
      const opened = await openVotes(file).catch(async (error: unknown) => {
        await lock.release();
        throw error;
      });
      return { votes: opened, release: lock.release };
    })();
    const begun = opening;
    return begun.then(
      (opened) => opened.votes,
      (error: unknown) => {
        if (opening === begun) opening = null;
        throw error;
      },
    );
  };

  const identityOf = createIdentities();
  const known = async (): Promise<Known[]> => {
    const found: Known[] = [];
    for (const place of await findContenders(studio)) {
      const identity = await identityOf(place).catch(() => null);
      if (identity !== null) found.push({ place, identity });
    }
    return found;
  };

  const open = new Map<string, Promise<OpenedModel>>();
  const close = async (identity: string): Promise<void> => {
    const opened = open.get(identity);
    open.delete(identity);
    await opened?.then(
      (model) => model.dispose(),
      () => undefined,
    );
  };
  const modelOf = async ({ place, identity }: Known, others: readonly string[]): Promise<OpenedModel> => {
    let opened = open.get(identity);
    if (opened === undefined) {
      for (const other of [...open.keys()])
        if (open.size >= keptOpen && !others.includes(other)) await close(other);
      const { model, adapter, template } = place;
      opened = openModel({ model, adapter, template, threads, openEngine, onNote });
      open.set(identity, opened);
      opened.catch(() => open.delete(identity));
    }
    return opened;
  };

  /** Pairs are asked one after the other. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const own = turn.then(work);
    turn = own.catch(() => undefined);
    return own;
  };

  const askNow = async (
    { first, second, prompt, blind }: AskBoth,
    send: (event: PairEvent) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    signal.throwIfAborted();
    const there = await known();
    const chosen = [first, second].map((id) => {
      const found = there.find(({ place }) => place.id === id);
      if (found !== undefined) return found;
      throw new WhetstoneError('NO_SUCH_CONTENDER', `"${id}" is not there any more`, {
        hint: 'Choose another one from the list.',
      });
    });
    const [one, other] = chosen as [Known, Known];
    if (one.identity === other.identity)
      throw new WhetstoneError(
        'SAME_CONTENDER',
        `"${one.place.title}" and "${other.place.title}" are the same`,
        {
          hint: 'Choose two that differ.',
        },
      );
    const kept = await votes();
    const identitiesOfBoth = [one.identity, other.identity];
    const speakers = {} as Record<Side, { readonly known: Known; readonly model: OpenedModel }>;
    const switched = blind && randomInt(2) === 1;
    for (const [side, who] of [
      ['A', switched ? other : one],
      ['B', switched ? one : other],
    ] as const)
      speakers[side] = { known: who, model: await modelOf(who, identitiesOfBoth) };
    const answer = async (side: Side): Promise<string> => {
      const { engine, tokenizer, template } = speakers[side].model;
      const { text } = await generateText(
        { engine, tokenizer },
        {
          prompt: await encodePrompt(tokenizer, template, { instruction: prompt }),
          sampling: { maxNewTokens, temperature: 0 },
          signal,
          onText: (piece) => send({ kind: 'text', side, text: piece.text }),
        },
      );
      return text;
    };
    const [A, B] = await Promise.all([answer('A'), answer('B')]);
    signal.throwIfAborted();
    const answered = (side: Side, text: string) => {
      const { place, identity } = speakers[side].known;
      return { title: place.title, identity, text };
    };
    const pair: ComparedPair = await kept.ask({
      ...{ id: kept.nextId(), prompt, blind },
      ...{ A: answered('A', A), B: answered('B', B) },
    });
    send({ kind: 'pair', pair });
    changed();
  };

  return {
    state: async () => {
      const there = await known();
      const kept = await votes();
      return {
        contenders: there.map(({ place: { id, title, note }, identity }) => ({ id, title, note, identity })),
        prompts,
        pair: kept.last(),
        tallies: kept.tallies(),
        canUndo: kept.canUndo(),
      };
    },
    ask: (asked, send, signal) => inTurn(() => askNow(asked, send, signal)),
    vote: async (pair, vote) => {
      if (!(await (await votes()).vote(pair, vote)))
        throw new WhetstoneError('NO_SUCH_PAIR', `there is no pair "${pair}"`, { hint: 'Reload the page.' });
      changed();
    },
    undo: async () => {
      await (await votes()).undo();
      changed();
    },
    close: async () => {
      await turn;
      for (const identity of [...open.keys()]) await close(identity);
      const opened = await opening?.catch(() => null);
      await opened?.votes.close();
      await opened?.release();
    },
  };
}
