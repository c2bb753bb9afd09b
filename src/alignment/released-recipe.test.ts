// The preset `released-code` against the table of docs/released-recipe.md, which names the line of the release for each value.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { camelCase } from '../options/names.ts';
import { resolveOnlineSettings } from './online/settings.ts';
import { resolveSettings } from './settings.ts';

const page = readFileSync(new URL('../../docs/released-recipe.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, setting]) => setting?.startsWith('`'))
  .map(([, setting, offline, online, where]) => ({
    name: setting!.slice(1, -1),
    offline: offline!,
    online: online!,
    where: where!,
  }));

const preset = 'released-code';
const settings = {
  offline: resolveSettings({ model: 'm', data: 'd', preset }),
  online: resolveOnlineSettings({
    model: 'm',
    instructions: 'i',
    rounds: 1,
    perRound: 8,
    judge: 'j',
    preset,
  }),
};

/** Lists as the table has them; numbers by value, so that 0.0004 is 4e-4. */
const told = (value: unknown): unknown => (Array.isArray(value) ? value.join(', ') : value);
const meant = (cell: string): unknown => (Number.isNaN(Number(cell)) ? cell : Number(cell));

describe('the released recipe', () => {
  it('has every value with the place that it comes from', () => {
    expect(rows).toHaveLength(22);
    const places = /`(README\.md|fine-tuning-unlike\.sh|\w+\.py):\d+`/;
    for (const [i, { name, where }] of rows.entries()) {
      const source =
        where === 'the same' ? rows.slice(0, i).findLast((row) => row.where !== 'the same')!.where : where;
      expect(source, name).toMatch(places);
    }
  });

  it.each(rows)('$name: $offline, online $online', ({ name, offline, online }) => {
    const key = camelCase(name) as keyof typeof settings.offline & keyof typeof settings.online;
    expect(told(settings.offline[key])).toEqual(meant(offline));
    expect(told(settings.online[key])).toEqual(meant(online));
  });
});
