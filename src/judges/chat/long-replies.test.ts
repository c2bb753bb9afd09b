// Replies that are made to take long: whatever stands in them, they are read in a time that grows with their length.
import { describe, expect, it } from 'vitest';
import { loadPrompt } from './prompt.ts';
import { readPreference } from './read-preference.ts';
import { readReply } from './read-reply.ts';

const prompt = await loadPrompt('default');
const row = { instruction: 'Say it. '.repeat(2000), output: 'It is said, and said again. '.repeat(2000) };
const messages = prompt.messages(row);

/**
 * Milliseconds, the least of three: others use the processor too. Each reply takes a few or a few dozen; were the time
 * to grow with the square of the length, it would be minutes.
 */
function millisecondsOf(work: () => unknown): number {
  const times = [0, 1, 2].map(() => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
  return Math.min(...times);
}

const KB = 1000;
const fill = (piece: string, length: number): string =>
  piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
const nested = (open: string, close: string, length: number): string => {
  const layers = Math.floor(length / (open.length + close.length));
  return `${open.repeat(layers)}x${close.repeat(layers)}`;
};

const hostile: readonly (readonly [string, string])[] = [
  ['nested fences', nested('```\n', '\n```', 200 * KB)],
  ['fences that grow', Array.from({ length: 600 }, (_, i) => `${'`'.repeat(3 + i)}\n`).join('')],
  ['backticks', fill('`', 1000 * KB)],
  ['a fence of half the reply, never closed', `${fill('`', 500 * KB)}\n${fill('`', 499 * KB)}`],
  ['tildes and line ends', fill('~~~\n', 1000 * KB)],
  ['braces', fill('{', 1000 * KB)],
  ['nested objects', nested('{"judgment":', '}', 400 * KB)],
  ['nested arrays in an object', `{"judgment":${nested('[', ']', 400 * KB)}}`],
  [
    'JSON in JSON',
    Array.from({ length: 12 }).reduce<string>((text) => JSON.stringify({ judgment: text }), 'x'),
  ],
  ['nested quotes', nested('"', '"', 1000 * KB)],
  ['nested marks', nested('**', '**', 1000 * KB)],
  ['labels', fill('Judgment: ', 1000 * KB)],
  ['a label and blanks', `Judgment${fill(' ', 1000 * KB)}x`],
  ['blanks', `Verdict: ${fill(' ', 1000 * KB)}x`],
  ['blanks and marks', `${fill(' *"', 1000 * KB)}x`],
  ['verdict lines of marks', fill(`Verdict: ${'" '.repeat(100)}x\n`, 1000 * KB)],
  ['line ends', `x${fill('\n', 1000 * KB)}x`],
  ['thoughts', fill('<think>', 1000 * KB)],
  ['thoughts that end and end', fill('</think>', 1000 * KB)],
  ['full stops', fill('. "', 1000 * KB)],
  ['commas', fill(',', 1000 * KB)],
  ['praise with credit', `Good. ${fill('correctly does ', 200 * KB)}\nx`],
  ['credit and blanks', `Good. correctly does${fill(' ', 1000 * KB)}\nx`],
  ['denials', `Perfect. ${fill('no no-', 200 * KB)}`],
  ['a refusal that goes on', `I can't ${fill('a', 1000 * KB)}`],
  [
    'nine tenths of the prompt',
    `${fill('It is said, and said again. ', 90 * KB)}${fill('a b c d ', 9 * KB)}`,
  ],
];

describe('long replies', () => {
  it.each(hostile)(
    '%s',
    (_, text) => {
      for (const finish of ['stop', 'length']) {
        expect(millisecondsOf(() => readReply({ text, finish }, row, messages))).toBeLessThan(2000);
        expect(millisecondsOf(() => readPreference({ text, finish }))).toBeLessThan(2000);
      }
    },
    30_000,
  );

  it('wrapped more often than anyone means say nothing, and a few times are unwrapped', () => {
    const read = (text: string): object => readReply({ text, finish: 'stop' }, row, messages);
    expect(read('```\n"**Judgment:** It is wrong."\n```')).toEqual({ judgment: 'It is wrong.' });
    expect(read(nested('```\n', '\n```', 200))).toEqual({
      unreadable: 'the reply is wrapped in fences or quotes too often',
    });
    expect(read('````md\nIt is `a`:\n```\nb\n```\n````')).toEqual({ judgment: 'It is `a`:\n```\nb\n```' });
    expect(read('```\nIt is wrong.\n````')).toMatchObject({ judgment: 'It is wrong.\n`' });
  });
});
