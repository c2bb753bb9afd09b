import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { loadTokenizer } from '../../src/tokens/index.ts';
import { load, withFolder } from '../../src/tokens/test-tokenizers.ts';
import { DOCUMENT_SHARES, documents } from './documents.ts';
import { judge } from './judge.ts';
import { drawTasks, parseTask, questionOf, splitOf } from './task.ts';
import { END } from './templates.ts';
import { UNKNOWN, worldTokenizerFiles, worldTokenizerJson, worldVocabulary } from './tokenizer.ts';

function take(count: number, seed: number): { kind: string; prompt: string; response: string }[] {
  const source = documents(seed);
  return Array.from({ length: count }, () => source.next().value);
}

const INSTRUCTION = /^Instruction: (.*)\n/;

describe('documents', () => {
  const sample = take(6000, 1);

  test('depend on the seed alone', () => {
    expect(take(50, 3)).toEqual(take(50, 3));
    expect(take(50, 3)).not.toEqual(take(50, 4));
  });

  test('have the stated shares', () => {
    for (const [kind, share] of Object.entries(DOCUMENT_SHARES)) {
      const found = sample.filter((document) => document.kind === kind).length / sample.length;
      expect(Math.abs(found - share), kind).toBeLessThan(0.02);
    }
  });

  test('ask questions of the train split only', () => {
    for (const { prompt } of sample) {
      const instruction = INSTRUCTION.exec(prompt)![1]!;
      expect(splitOf(questionOf(instruction)), instruction).toBe('train');
    }
  });

  test('show a judgment only before or after a response that it fits', () => {
    for (const { kind, prompt, response } of sample) {
      const task = parseTask(INSTRUCTION.exec(prompt)![1]!)!;
      const errors = (answer: string): number => judge(task, answer, createRandom(1)).errors.length;
      if (kind === 'judged') expect(errors(response)).toBeGreaterThan(0);
      if (kind === 'critique' || kind === 'revision') {
        expect(errors(/\nResponse:\n(.*)<\/s>\n/.exec(prompt)![1]!)).toBeGreaterThan(0);
      }
      if (kind === 'praised') expect(errors(response)).toBe(0);
    }
  });

  test('put the end token between a response and what is said about it', () => {
    for (const { prompt, kind } of sample) {
      expect(prompt.split(END).length - 1).toBe({ critique: 1, revision: 1 }[kind] ?? 0);
      if (kind === 'critique' || kind === 'revision') expect(prompt).toContain(`${END}\nJudgment:`);
    }
  });
});

describe('the tokenizer', () => {
  test('knows every word that the world says, and gives every text back', async () => {
    const tokenizer = await load(worldTokenizerFiles());
    const unknown = tokenizer.tokenToId(UNKNOWN)!;
    expect(tokenizer.vocabSize).toBe(worldVocabulary().length);
    const texts = take(2000, 2).map(({ prompt, response }) => prompt + response + END);
    const random = createRandom(5);
    const vocabulary = worldVocabulary().slice(3);
    for (const split of ['development', 'test'] as const) {
      for (const task of drawTasks(split, 280, 8)) {
        // What a model may write: any words in any order. The critique may quote some of them.
        const words = Array.from({ length: 8 }, () => vocabulary[random.below(vocabulary.length)]!);
        texts.push(`${task.instruction}\n${judge(task, words.join(''), random).judgment}`);
      }
    }
    for (const text of texts) {
      const { ids } = await tokenizer.encode(text);
      expect(ids.includes(unknown), text).toBe(false);
      expect(await tokenizer.decode(ids)).toBe(text);
    }
  });

  test('names its end token and reads it in a template', async () => {
    await withFolder(worldTokenizerFiles(), async (dir) => {
      const tokenizer = await loadTokenizer(dir);
      expect(tokenizer.specialTokens).toMatchObject({
        eos_token: END,
        pad_token: '<pad>',
        unk_token: UNKNOWN,
      });
      expect((await tokenizer.encode(`Paris${END}\n`)).ids[1]).toBe(tokenizer.eosTokenId);
      expect((await tokenizer.encode('There are 24 pens.')).ids).toHaveLength(6);
    });
  });

  test('is the same text each time, with tokens in code-unit order', () => {
    expect(worldTokenizerJson()).toBe(worldTokenizerJson());
    expect(new Set(worldVocabulary()).size).toBe(worldVocabulary().length);
  });
});
