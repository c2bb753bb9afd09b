// Hostile files of a tokenizer: tokenizer_config.json, chat_template.jinja and the files beside them.
import fc from 'fast-check';
import { expect } from 'vitest';
import { encodeTriplet } from '../../src/tokens/encode.ts';
import { loadTemplate } from '../../src/tokens/template.ts';
import { byteLevel, withFolder } from '../../src/tokens/test-tokenizers.ts';
import { loadTokenizer } from '../../src/tokens/tokenizer.ts';
import { fuzz } from './fuzz.ts';

const right = byteLevel();

const pieces = [
  ...[
    '{{',
    '}}',
    '{%',
    '%}',
    '{%-',
    '-%}',
    '{#',
    '#}',
    '\n',
    ' ',
    'for m in messages',
    'endfor',
    'if',
    'else',
    'endif',
  ],
  ...[
    'm.content',
    "m['role']",
    'messages[0].content',
    'messages[-1]',
    '| trim',
    '| tojson',
    '+',
    '~',
    "'a'",
    'eos_token',
  ],
  ...[
    'bos_token',
    '</s>',
    '<|im_end|>',
    'set x =',
    'x',
    'add_generation_prompt',
    '==',
    "'user'",
    'namespace(a=1)',
    '* 9999',
  ],
  ...[
    'range(99999)',
    'raise_exception("no")',
    'macro f()',
    'endmacro',
    'f()',
    'generation',
    'endgeneration',
    'loop.last',
  ],
  ...['\r\n', '\r', '\u{1f642}', '\ud800', 'not', 'in', 'is defined', '[', ']', '(', ')', '.', ',', ':', '%'],
];
const piece = fc.constantFrom(...pieces);
const loose = fc.array(piece, { maxLength: 25 }).map((parts) => parts.join(' '));
const inTurn = fc
  .array(piece, { maxLength: 10 })
  .map((parts) => `{% for m in messages %}{{ ${parts.join(' ')} }}{{ m.content }}</s>{% endfor %}`);
const template = fc.oneof(loose, inTurn, fc.string({ unit: 'binary', maxLength: 40 }));

const token = fc.constantFrom('<s>', '</s>', '', ' ', 'e', '<|im_end|>', '\ud800', 'the', '\n', '\u{1f642}');
const field = fc.constantFrom(
  ...[
    'eos_token',
    'bos_token',
    'chat_template',
    'added_tokens_decoder',
    'add_bos_token',
    'model_max_length',
    '__proto__',
  ],
);
const added = fc.dictionary(
  fc.constantFrom('0', '1', '420', '421', '-1', '1.5', 'x', '9999999999', '__proto__'),
  fc.oneof(
    fc.record({ content: token, special: fc.boolean(), lstrip: fc.boolean(), rstrip: fc.boolean() }),
    fc.jsonValue(),
  ),
  { maxKeys: 3 },
);
const config = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.dictionary(
      field,
      fc.oneof(token, fc.record({ content: token }), added, template, fc.jsonValue()),
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);
const text = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.tuple(value, fc.nat(9)).map(([json, cut]) => {
    const whole = JSON.stringify(json);
    return cut === 0 ? whole.slice(0, whole.length / 2) : cut === 1 ? `\ufeff${whole}` : whole;
  });

const ends = text(fc.dictionary(fc.constantFrom('eos_token_id', 'x'), fc.jsonValue()));
const jinja = fc.record({ 'chat_template.jinja': template });
const others = fc.record(
  {
    'tokenizer_config.json': text(config),
    'special_tokens_map.json': text(config),
    'generation_config.json': ends,
    'config.json': ends,
    'chat_template.jinja': template,
  },
  { requiredKeys: [] },
);
const files: fc.Arbitrary<Record<string, string>> = fc.oneof(jinja, others);
const row = fc.record({
  instruction: fc.string({ minLength: 1, maxLength: 9 }),
  output: fc.oneof(fc.string({ maxLength: 20 }), fc.constant(' a\n')),
  judgment: fc.constant(null),
});

fuzz("a tokenizer's folder: tokenizer_config.json, templates, end tokens", {
  inputs: fc.record({ given: files, triplet: row }),
  runs: 600,
  readOneIn: 30,
  read: ({ given, triplet }) =>
    withFolder({ ...right, ...given }, async (dir) => {
      const tokenizer = await loadTokenizer(dir);
      const chat = await loadTemplate('chat', tokenizer);
      const { plain } = await encodeTriplet(tokenizer, chat, triplet);
      expect(tokenizer.stopTokenIds).toContain(plain.ids.at(-1));
    }),
});
