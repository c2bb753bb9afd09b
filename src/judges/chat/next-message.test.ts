import { describe, expect, it } from 'vitest';
import { loadPrompt } from './prompt.ts';

const prompt = await loadPrompt('next-message');
const row = { instruction: 'Name a river.', output: 'Berlin.', said: 'That is a {output}.' };
const read = (text: string): object => prompt.read({ text, finish: 'stop' }, row, prompt.messages(row));

describe('the preset next-message', () => {
  it('shows the message in a section of its own, as it is', () => {
    const [{ content } = { content: '' }] = prompt.messages(row);
    expect(content).toContain('<message>\nThat is a {output}.\n</message>');
    expect(content).toContain('<response>\nBerlin.\n</response>');
    expect(prompt.reminded(row).at(-1)!.content).toMatch(/Criticism, Praise or Neither\.$/);
  });

  it.each([
    ['Criticism', { judgment: row.said }],
    ['criticism - it corrects the response', { judgment: row.said }],
    ['<think>Praise? No.</think>Criticism', { judgment: row.said }],
    ['"Praise."', { judgment: null }],
  ])('reads %j', (reply, outcome) => expect(read(reply)).toEqual(outcome));

  it('judges nothing by what is about something else', () => {
    expect(read('Neither')).toMatchObject({ settled: true });
  });

  it.each(['', 'Yes', 'Criticism or Praise', 'Praiseworthy'])('cannot read %j', (reply) =>
    expect(read(reply)).toHaveProperty('unreadable'),
  );
});
