import { expect, it } from 'vitest';
import { readEscapes } from './escapes.ts';

it.each([
  ['###', '###'],
  ['\\n\\n', '\n\n'],
  ['a\\tb\\\\n', 'a\tb\\n'],
  ['\\u002c\\u0020x', ', x'],
  ['\\ud83d\\ude42', '🙂'],
])('%s', (typed, meant) => expect(readEscapes(typed)).toBe(meant));

it.each(['\\x', 'a\\', '\\u12', '\\ud83d', ''])('refuses %j', (typed) => {
  expect(readEscapes(typed)).toBeNull();
});
