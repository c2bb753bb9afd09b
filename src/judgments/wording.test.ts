import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bareText,
  findsFault,
  isPlaceholder,
  opensWithRejection,
  repetition,
  sameWords,
  templateLeftover,
  toneOf,
} from './wording.ts';

describe('toneOf', () => {
  it.each([
    'The response is perfect.',
    'The response is perfect. It names all three rivers and explains why the fourth is not one of them.',
    'The answer is absolutely flawless and covers what was asked.',
    'Your summary is excellent!',
    'This is perfect.',
    'Perfect answer.',
    'Excellent work, every step is there.',
    'Great answer!',
    'Good.',
    'Well done.',
    'The response is correct. Iron melts at 1538 degrees.',
    'The answer was accurate and lists every planet.',
    'The response is accurate. It correctly points out the error in the proof.',
    'The response is correct and contains no errors.',
    'No issues.',
    'There are no mistakes in this response.',
    'Nothing to improve here.',
    'I found no problems.',
    'That’s right.',
    'Looks good to me!',
    'LGTM',
    'Everything seems fine.',
  ])('praise: %s', (judgment) => expect(toneOf(judgment)).toBe('praise'));

  it.each([
    'The response is perfect, but it is twice as long as asked.',
    'The answer is excellent. However, the last date is off by a year.',
    'The response is perfect until it reaches the conclusion, which should be dropped.',
  ])('mixed: %s', (judgment) => expect(toneOf(judgment)).toBe('mixed'));

  it.each([
    'The response is almost perfect, but the unit is missing.',
    'The response is not perfect.',
    'The response is good but it leaves out the second question.',
    'The response is correct, but it repeats the question.',
    'The response is correct in its result. The derivation is wrong.',
    'The response is mostly correct. One of the cities lies in another country.',
    'The response is incorrect. A perfect answer would name the author.',
    'Good answers name their sources; this one names none.',
    'No sources are named.',
    'No.',
    'There are no examples, although two were asked for.',
    'Nothing in this answer is about the question.',
    'Perfectly wrong.',
    'The correct result is 12.',
    'It is correct only for even numbers.',
    'A great deal is missing.',
    'Looks good, but the sum is wrong.',
    'Looks right until the second line.',
  ])('other: %s', (judgment) => expect(toneOf(judgment)).toBe('other'));

  it('takes any text in reasonable time', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => void toneOf(text)));
    const began = performance.now();
    for (const piece of ['the ', 'a', 'no ', "isn't ", 'The response is ', '- ', 'correctly xs ', '. ']) {
      toneOf(piece.repeat(20_000));
    }
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('other patterns', () => {
  it.each([
    '$ERROR$',
    'N/A',
    'n/a.',
    'None',
    'null',
    '...',
    '-',
    '[judgment]',
    '{critique}',
    'TODO',
    'error',
    'API error',
    '"None"',
    '[object Object]',
  ])('%s is a placeholder', (text) => expect(isPlaceholder(text)).toBe(true));
  it.each([
    'None of the names is right.',
    'Error in line 3.',
    'Wrong.',
    'No.',
    '错误',
    'Nan is a bread, not a soup.',
  ])('%s is no placeholder', (text) => expect(isPlaceholder(text)).toBe(false));

  it('finds fault after "Perfect"', () => {
    expect(findsFault('Perfect, but the title is missing.')).toBe(true);
    expect(findsFault('Perfect except for the date.')).toBe(true);
    expect(findsFault('Perfect. No mistakes, nothing missing.')).toBe(false);
    expect(findsFault('Perfect, all three are named.')).toBe(false);
  });

  it('knows a rejection', () => {
    expect(opensWithRejection('The response is incorrect, because…')).toBe(true);
    expect(opensWithRejection('Wrong answer')).toBe(true);
    expect(opensWithRejection('The response is long.')).toBe(false);
  });

  it.each([
    ['### Response:\nYes', '### Response:'],
    ['Yes\n### Instruction: more', '### Instruction:'],
    ['Fill in {instruction} here', '{instruction}'],
    ['a {{ prompt }} b', '{{ prompt }}'],
    ['Hello<|im_end|>', '<|im_end|>'],
    ['a <unk> b', '<unk>'],
    ['[INST] Hi [/INST]', '[INST]'],
    ['Done.</s>', '</s>'],
    ['<start_of_turn>user', '<start_of_turn>'],
  ])('%j holds %j', (text, leftover) => expect(templateLeftover(text)?.trim()).toBe(leftover));
  it.each([
    '### Results',
    'See {"instruction": 1}',
    'a < b > c',
    '<s>struck</s> text',
    'Response: yes',
    '{x}',
  ])('%j holds no leftover', (text) => expect(templateLeftover(text)).toBeUndefined());

  it('measures repetition in windows of five words', () => {
    const response = 'The river rises in the hills, runs west through two towns and ends in the sea.';
    expect(repetition(response, response, 0.8)).toBe(1);
    expect(repetition(`It says: "${response}"`, response, 0.8)).toBeGreaterThan(0.8);
    expect(
      repetition(
        `${response} That is wrong, because the river runs east and never meets a town.`,
        response,
        0.8,
      ),
    ).toBe(0);
    expect(repetition('runs west through two towns', response, 0.8)).toBe(0);
    expect(bareText('  The “River”, 2!')).toBe('the river 2');
  });

  it('counts a window of the judgment as often as it stands there, and once found in the response', () => {
    const words = Array.from({ length: 30 }, (_, i) => `w${i}`);
    const half = words.slice(0, 15).join(' ');
    // 26 windows, of which the 11 within the first 15 words are in the response.
    expect(repetition(words.join(' '), half, 0.4)).toBeCloseTo(11 / 26);
    expect(repetition(words.join(', '), `And so: ${half.toUpperCase()}`, 0.4)).toBeCloseTo(11 / 26);
    expect(repetition(words.join(' '), half, 0.5)).toBe(0);
  });

  it('says whether two texts have the same words', () => {
    expect(sameWords('  The “River”, 2!', 'the river 2')).toBe(true);
    expect(sameWords('the river', 'the river 2')).toBe(false);
    expect(sameWords('the river 2', 'the river')).toBe(false);
    expect(sameWords('a b', 'ab')).toBe(false);
    expect(sameWords('...', '!')).toBe(false);
    expect(sameWords('', '')).toBe(false);
  });
});
