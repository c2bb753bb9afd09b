// Votes as they are kept, taken back, found again and counted.
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapMean } from '../../statistics/bootstrap.ts';
import { openVotes, talliesOf } from './votes.ts';
import type { AskedPair } from './votes.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-votes-'));
  file = join(dir, 'votes.jsonl');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Of "x" and "y", with x on side A unless switched. */
const pair = (id: string, switched = false, blind = true): AskedPair => {
  const [x, y] = ['x', 'y'].map((name) => ({ title: `Model ${name}`, identity: name, text: `${name} says` }));
  return { id, prompt: `Prompt ${id}`, blind, A: switched ? y! : x!, B: switched ? x! : y! };
};

describe('talliesOf', () => {
  it('counts for who answered, whichever side that was, and alike as half', () => {
    const voted = [
      { pair: pair('1'), vote: 'A' as const },
      { pair: pair('2', true), vote: 'B' as const },
      { pair: pair('3', true), vote: 'A' as const },
      { pair: pair('4'), vote: 'alike' as const },
    ];
    const [tally, ...others] = talliesOf(voted);
    expect(others).toEqual([]);
    expect(tally).toMatchObject({ first: 'Model x', second: 'Model y', wins: 2, losses: 1, alike: 1 });
    expect(tally!.identities).toEqual(['x', 'y']);
    const { value, low, high } = bootstrapMean([[1, 1, 0, 0.5]]);
    expect([tally!.winRate, tally!.low, tally!.high]).toEqual([value, low, high]);
    expect(value).toBe(0.625);
    expect(tally!.prompts).toEqual(['Prompt 1', 'Prompt 2', 'Prompt 3', 'Prompt 4']);
  });
});

describe('openVotes', () => {
  it('tells nobody who answered a blind pair before the vote', async () => {
    const votes = await openVotes(file);
    expect(votes.last()).toBeNull();
    const asked = await votes.ask(pair('p1'));
    expect(asked).toEqual({
      ...{ id: 'p1', prompt: 'Prompt p1', vote: null, titles: null },
      texts: { A: 'x says', B: 'y says' },
    });
    await votes.vote('p1', 'B');
    expect(votes.last()).toMatchObject({ vote: 'B', titles: { A: 'Model x', B: 'Model y' } });
    expect((await votes.ask(pair('p2', false, false))).titles).toEqual({ A: 'Model x', B: 'Model y' });
    await votes.close();
  });

  it('has one vote a pair, the last, and takes votes back from the last on', async () => {
    const votes = await openVotes(file);
    for (const id of ['p1', 'p2']) await votes.ask(pair(id));
    await votes.vote('p1', 'A');
    await votes.vote('p2', 'B');
    await votes.vote('p1', 'alike');
    const counts = (): unknown => votes.tallies().map(({ wins, losses, alike }) => [wins, losses, alike]);
    expect(counts()).toEqual([[0, 1, 1]]);
    await votes.undo();
    expect(votes.last()).toMatchObject({ id: 'p1', vote: null, titles: null });
    expect(counts()).toEqual([[0, 1, 0]]);
    await votes.undo();
    expect(votes.canUndo()).toBe(false);
    await votes.undo();
    expect(counts()).toEqual([]);
    expect(await votes.vote('nobody', 'A')).toBe(false);
    await votes.close();
  });

  it('finds all of it after a kill, and refuses what cannot be', async () => {
    const votes = await openVotes(file);
    await votes.ask(pair('p1', true));
    await votes.vote('p1', 'B');
    await votes.close();
    await appendFile(file, '{"event":"voted","id":"p1","vo');
    const later = await openVotes(file);
    expect(later.tallies()).toMatchObject([{ first: 'Model y', wins: 0, losses: 1 }]);
    expect(later.nextId()).toBe('p2');
    await later.close();
    expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toHaveLength(2);
    for (const line of [
      '{"event":"voted","id":"p9","vote":"A"}',
      '{"event":"voted","id":"p1","vote":"C"}',
      '[]',
    ]) {
      const before = await readFile(file, 'utf8');
      await appendFile(file, `${line}\n`);
      await expect(openVotes(file)).rejects.toMatchObject({ code: 'DAMAGED_JOURNAL' });
      await rm(file);
      await appendFile(file, before);
    }
  });
});
