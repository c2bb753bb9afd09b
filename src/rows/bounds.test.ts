// What has no room in the heap is refused before or while it is read; what has some is left alone.
import { describe, expect, it } from 'vitest';
import { requireRoom, withinHeap } from './bounds.ts';

const MiB = 2 ** 20;

it('requireRoom asks for less than most of what is left', () => {
  const heap = { limit: 1000 * MiB, used: 300 * MiB };
  requireRoom(499 * MiB, 'rows', 'f', heap);
  expect(() => requireRoom(501 * MiB, '30,000,000 rows', 'f', heap)).toThrow(
    /^f: 30,000,000 rows need about 501 MiB, which does not fit into the 1,000 MiB[^]*Split the file[^]*max-old-space-size/,
  );
});

describe('withinHeap', () => {
  const many = function* (): Generator<number> {
    for (let i = 0; ; i++) yield i;
  };
  const read = async (used: (taken: number) => number, text = 0): Promise<number> => {
    let taken = 0;
    const heap = (): { limit: number; used: number } => ({ limit: 100 * MiB, used: used(taken) * MiB });
    for await (const each of withinHeap(many(), 'f', { heap, text: () => text * taken })) {
      taken = each;
      if (each === 200_000) break;
    }
    return taken;
  };

  it('hands on all rows while the heap has room, also where garbage fills it', async () => {
    expect(await read(() => 50)).toBe(200_000);
    await expect(read((taken) => (taken < 80_000 ? 99 : 10))).resolves.toBe(200_000);
  });

  it('refuses to go on when rows, or their text, have filled it', async () => {
    await expect(read((taken) => taken / 1000)).rejects.toThrow(/^f: 88,064 rows and more do not fit/);
    await expect(read(() => 70, 5000)).rejects.toThrow(/^f: 5,120 rows and more do not fit/);
  });
});
