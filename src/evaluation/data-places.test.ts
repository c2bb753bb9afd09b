import { describe, expect, it } from 'vitest';
import { namePlaces } from './data-places.ts';
import { tasksNamed } from './tasks.ts';

const places = (tasks: readonly string[], data: readonly string[]): unknown => {
  const { folders, ofTask, fromHub } = namePlaces(data, tasksNamed(tasks));
  const hub = Object.fromEntries(fromHub.map(({ benchmark, place }) => [benchmark.name, place]));
  return { folders, ofTask, hub };
};
const main = { id: null, revision: 'main' };

describe('namePlaces', () => {
  it('tells folders, places of tasks and the hub apart', () => {
    const tasks = ['arc_easy', 'arc_challenge', 'hellaswag', 'win_rate', 'held_out'];
    const data = [
      './benchmarks',
      'hub',
      'win_rate=a=b.json',
      'arc_easy=./arc',
      'hellaswag=hub:me/mine@v2',
      'held_out=hub',
    ];
    expect(places(tasks, data)).toEqual({
      folders: ['./benchmarks'],
      ofTask: { win_rate: 'a=b.json', arc_easy: './arc', held_out: 'hub' },
      hub: { arc_challenge: main, hellaswag: { id: 'me/mine', revision: 'v2' } },
    });
  });

  it('takes the last place of several', () => {
    expect(places(['arc_easy'], ['arc_easy=./arc', 'hub@dev'])).toMatchObject({
      hub: { arc_easy: { id: null, revision: 'dev' } },
    });
  });

  it.each([
    [['rouge'], ['./benchmarks'], 'the task rouge needs a file: option `data` rouge=FILE'],
    [['arc_easy'], ['rouge=x.jsonl'], 'rouge is not among the tasks arc_easy'],
    [['arc_easy'], ['arc_easy='], "nothing follows the task's name"],
    [['arc_easy'], ['hub:me/mine'], 'belongs to one task'],
    [['gsm8k'], [], 'there is no task "gsm8k"'],
  ])('%j with %j is refused', (tasks, data, message) => {
    expect(() => places(tasks, data)).toThrow(message);
  });
});
