import { describe, expect, it } from 'vitest';
import { splitTasks } from './evaluate-tasks.ts';

const local = [{ kind: 'local', name: 'ours' }] as const;

describe('splitTasks', () => {
  it('takes the tasks with files of their own apart from rankings', () => {
    const given = {
      tasks: ['arc_easy', 'win_rate', 'held_out'],
      data: ['./benchmarks', 'win_rate=a=b.json', 'arc_easy=./arc', 'held_out=judged.jsonl'],
    };
    expect(splitTasks(given, local)).toEqual({
      tasks: ['arc_easy'],
      data: ['./benchmarks', 'arc_easy=./arc'],
      fileTasks: [
        { name: 'win_rate', file: 'a=b.json' },
        { name: 'held_out', file: 'judged.jsonl' },
      ],
    });
  });

  it.each([
    [{ tasks: ['rouge'], data: ['./benchmarks'] }, /rouge needs a file: --data rouge=FILE/],
    [{ tasks: ['arc_easy'], data: ['rouge=x.jsonl'] }, /rouge is not among the tasks/],
  ])('%j is refused', (given, message) => {
    expect(() => splitTasks(given, local)).toThrow(message);
  });

  it('refuses held-out judgments of a server before anything is measured', () => {
    const given = { tasks: ['held_out'], data: ['held_out=x.jsonl'] };
    expect(() => splitTasks(given, [...local, { kind: 'server', name: 'theirs' }])).toThrow(
      /theirs is a server/,
    );
  });
});
