import { describe, expect, it } from 'vitest';
import { loadPrompt } from './prompt.ts';
import { readReply } from './read-reply.ts';

const row = {
  instruction: 'Name the capital of France.',
  output: 'The capital of France is Lyon, a city on the Rhône and the Saône.',
};
const prompt = await loadPrompt('default');
const read = (text: string, finish: string | null = 'stop') =>
  readReply({ text, finish }, row, prompt.messages(row));

describe('readReply', () => {
  it.each([
    ['Perfect.', 'Perfect.'],
    ['  perfect\n', 'perfect'],
    ['**Perfect.**', 'Perfect.'],
    ['"Perfect."', 'Perfect.'],
    ['“Perfect.”', 'Perfect.'],
    ['```\nPerfect.\n```', 'Perfect.'],
    ['```text\nThe city is Paris.\n```', 'The city is Paris.'],
    ['Judgment: Perfect.', 'Perfect.'],
    ['### Judgment:\nPerfect.', 'Perfect.'],
    ['**Judgement:** "Lyon" is wrong.', '"Lyon" is wrong.'],
    ['**Feedback**: It is Paris.', 'It is Paris.'],
    ['Your judgment: `Perfect.`', 'Perfect.'],
    [
      '<think>Hm. Lyon? Perfect?</think>\n\n"Lyon" is wrong; it is "Paris".',
      '"Lyon" is wrong; it is "Paris".',
    ],
    ['{"judgment": "It is Paris."}', 'It is Paris.'],
    ['```json\n{"critique": "It is Paris."}\n```', 'It is Paris.'],
    ['{"judgment": null}', null],
    ['"Lyon" is wrong, it should be "Paris"', '"Lyon" is wrong, it should be "Paris"'],
    ['Judgments differ here.', 'Judgments differ here.'],
    ["I can't find any answer to the second question.", "I can't find any answer to the second question."],
    ['I cannot help but notice that Lyon is wrong.', 'I cannot help but notice that Lyon is wrong.'],
    ['As an AI, the assistant cannot have eaten.', 'As an AI, the assistant cannot have eaten.'],
    [
      'The response says "The capital of France is Lyon", which is wrong: it is Paris.',
      'The response says "The capital of France is Lyon", which is wrong: it is Paris.',
    ],
  ])('%j is the judgment %j', (reply, judgment) => {
    expect(read(reply)).toMatchObject({ judgment });
  });

  it.each([
    ['', 'empty'],
    ['""', 'empty'],
    ['```\n\n```', 'empty'],
    ['Judgment:', 'empty'],
    ['N/A', 'placeholder'],
    ['$ERROR$', 'placeholder'],
    ['<think>Perfect.', 'thoughts'],
    ["I'm sorry, but I can't assist with that.", 'refuses'],
    ['I cannot evaluate this response.', 'refuses'],
    ["Sorry, but I can't really help with that.", 'refuses'],
    ['As an AI language model I am unable to judge this.', 'refuses'],
    ['{"score": 3}', 'JSON without a judgment'],
    ['The \ud83d is wrong.', 'surrogate'],
    [row.output, 'repeats the prompt'],
    [row.instruction, 'repeats the prompt'],
    [prompt.messages(row)[0]!.content, 'repeats the prompt'],
    [prompt.messages(row)[0]!.content.slice(30, 400), 'repeats the prompt'],
  ])('%j is unreadable: %s', (reply, reason) => {
    const reading = read(reply);
    expect(reading).toHaveProperty('unreadable');
    expect((reading as { unreadable: string }).unreadable).toContain(reason);
  });

  it('a response that itself says "Perfect." does not make the judgment an echo', () => {
    const own = { instruction: 'Say perfect.', output: 'Perfect.' };
    expect(readReply({ text: 'Perfect.', finish: 'stop' }, own, prompt.messages(own))).toEqual({
      judgment: 'Perfect.',
    });
  });

  it('keeps the whole sentences of a reply that was cut', () => {
    expect(read('It is Paris. The river is the Seine, not the', 'length')).toMatchObject({
      judgment: 'It is Paris.',
    });
    expect(read('The river is the Seine, not the', 'length')).toHaveProperty('unreadable');
  });

  it('a refusal in a field of its own, and a content filter', () => {
    expect(readReply({ text: '', finish: 'stop', refusal: 'No.' }, row, [])).toEqual({
      unreadable: 'the judge refuses: "No."',
    });
    expect(read('Perfect.', 'content_filter')).toHaveProperty('unreadable');
  });

  it('marks what is suspicious', () => {
    expect(read('The response is excellent.')).toEqual({
      judgment: 'The response is excellent.',
      suspicious: 'praise',
    });
    expect(read('Perfect, but the city is wrong.')).toMatchObject({ suspicious: 'criticism' });
    expect(read('The city is wrong.')).toEqual({ judgment: 'The city is wrong.' });
  });
});
