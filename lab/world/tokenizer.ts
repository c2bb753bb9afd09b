// The world's tokenizer as the files of a Hugging Face folder: whole words, single digits, single marks.
// Its vocabulary is whatever the world can say; it knows nothing of models.
import { createRandom } from '../../src/random.ts';
import { families } from './families/index.ts';
import { commonWordings } from './critique.ts';
import type { Family } from './family.ts';
import { fill } from './family.ts';
import { CLOSINGS, GREETINGS, lowerable } from './style.ts';
import { COURTESIES } from './task.ts';
import { END, worldTemplate } from './templates.ts';

/** Token of a word that the world cannot say. */
export const UNKNOWN = '<unk>';
export const PADDING = '<pad>';

/** A word or a digit with the space before it, a line break, a space, or a mark. */
const TOKEN = ' ?\\p{L}+| ?\\p{N}|\\n| |[^\\s\\p{L}\\p{N}]';

/** Files of the tokenizer by name: tokenizer.json, tokenizer_config.json, special_tokens_map.json. */
export function worldTokenizerFiles(): Readonly<Record<string, string>> {
  const special = { unk_token: UNKNOWN, eos_token: END, pad_token: PADDING };
  const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
  return {
    'tokenizer.json': worldTokenizerJson(),
    'tokenizer_config.json': json({
      tokenizer_class: 'PreTrainedTokenizerFast',
      ...special,
      clean_up_tokenization_spaces: false,
      model_max_length: 512,
    }),
    'special_tokens_map.json': json(special),
  };
}

/** Text of tokenizer.json: a WordLevel model whose decoder joins tokens as they are. */
export function worldTokenizerJson(): string {
  const vocabulary = worldVocabulary();
  const special = [UNKNOWN, END, PADDING].map((content) => ({
    id: vocabulary.indexOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: TOKEN }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      unk_token: UNKNOWN,
    },
  };
  return `${JSON.stringify(tokenizer, null, 1)}\n`;
}

let vocabulary: readonly string[] | undefined;

/** Every token by id: the special ones, then all others in the order of their characters. */
export function worldVocabulary(): readonly string[] {
  return (vocabulary ??= [UNKNOWN, END, PADDING, ...[...sayableTokens()].sort()]);
}

function sayableTokens(): Set<string> {
  const tokens = new Set<string>();
  const add = (text: string): void => {
    for (const [token] of text.matchAll(new RegExp(TOKEN, 'gu'))) tokens.add(token);
  };
  '0123456789'.split('').forEach((digit) => add(`${digit} ${digit}`));
  add(`\n .,:;?!"'()-`);
  add(
    fill(Object.values(worldTemplate).join('\n').replaceAll(END, ''), {
      instruction: '',
      judgment: '',
      output: '',
    }),
  );
  COURTESIES.forEach(([before, after]) => add(twice(before + after.trim())));
  [...GREETINGS, ...CLOSINGS].forEach((words) => add(twice(words)));
  Object.values(commonWordings).forEach(({ hint, reveal }) =>
    [...hint, ...reveal].forEach((wording) => add(twice(wording.replace(/ ?\{\w+\}/g, '')))),
  );
  families.forEach((family) => addFamily(family, add));
  return tokens;
}

// Every value of every field, some questions with their answers right and wrong, and all words that a critique can
// quote. Sentences are added twice in a row: at the start of a text and after another sentence.
function addFamily(family: Family, add: (text: string) => void): void {
  const random = createRandom(0, VOCABULARY_STREAM);
  const wordings = Object.values(family.wordings).flatMap(({ hint, reveal }) => [...hint, ...reveal]);
  const templates = [...wordings, ...family.forms.map(({ text }) => text)];
  const words = new Set(
    Object.values(family.fields).flatMap((field) => (typeof field === 'string' ? [] : field)),
  );
  for (let i = 0; i < SAMPLED_TASKS; i++) {
    const form = i % family.forms.length;
    const values = family.draw(random, form);
    templates.forEach((template) => add(twice(fill(template, values).replace(/ ?\{\w+\}/g, ''))));
    const [frame] = family.solve(values, form).frames;
    const answer = `${frame.map((part) => (typeof part === 'string' ? part : part.right)).join('')}.`;
    add(twice(answer));
    if (lowerable(frame)) add(twice(answer.charAt(0).toLowerCase() + answer.slice(1)));
    for (const part of frame) {
      if (typeof part === 'string') continue;
      for (const text of [part.right, ...part.quotable, ...part.mistakes.map((mistake) => mistake.text)]) {
        words.add(text.trimStart());
      }
    }
  }
  const opens = templates.some((template) => template.startsWith('{'));
  words.forEach((text) => add(opens ? twice(text) : ` ${text}`));
}

const twice = (text: string): string => `${text} ${text}`;

const VOCABULARY_STREAM = 11;
const SAMPLED_TASKS = 120;
