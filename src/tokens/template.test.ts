import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WhetstoneError } from '../errors.ts';
import { JUDGED_REQUEST } from './chat-template.ts';
import { formatTime } from './strftime.ts';
import { loadTemplate, recordedTemplate, stringTemplate } from './template.ts';
import { withFolder } from './test-tokenizers.ts';

const NO_CHAT = { chatTemplate: null, specialTokens: {}, addedTokens: new Set<string>() };
const chat = (chatTemplate: string, now?: Date): ReturnType<typeof loadTemplate> =>
  loadTemplate(
    'chat',
    { chatTemplate, specialTokens: { bos_token: '<s>', eos_token: '</s>' }, addedTokens: new Set<string>() },
    now ? { now } : {},
  );

describe('alpaca', () => {
  test('is the prompt of the released code, to the byte', async () => {
    const alpaca = await loadTemplate('alpaca', NO_CHAT);
    expect(alpaca.render({ instruction: 'Sum up.', input: 'It rained.' }, null)).toBe(
      'Below is an instruction that describes a task. Write a response that appropriately completes the request.' +
        '\n\n### Instruction:\nSum up.\nIt rained.\n\n### Response:\n',
    );
    expect(alpaca.render({ instruction: 'Sum up.', input: '' }, 'Too long.')).toBe(
      'Below is an instruction that describes a task. Write a response to the instruction and the response should ' +
        'match the corresponding judgment.\n\n### Instruction:\nSum up.\n\n### Judgment:\nToo long.\n\n### Response:\n',
    );
    expect(alpaca.specialTokens).toBe('tokenizer');
  });

  test('leaves alone whatever instruction and judgment hold', async () => {
    const alpaca = await loadTemplate('alpaca', NO_CHAT);
    const tricky = fc.array(
      fc.constantFrom('{judgment}', '{instruction}', '{input}', '$&', '$1', '$$', '{', ' a'),
    );
    fc.assert(
      fc.property(tricky, tricky, (first, second) => {
        const [instruction, judgment] = [first.join(''), second.join('')];
        const text = alpaca.render({ instruction }, judgment);
        const [head, tail] = alpaca.render({ instruction: '\u0001' }, '\u0002').split('\u0001') as [
          string,
          string,
        ];
        const [middle, end] = tail.split('\u0002') as [string, string];
        expect(text).toBe(head + instruction + middle + judgment + end);
      }),
    );
  });
});

describe('the prompt in the light of what was said next', () => {
  const row = { instruction: 'Sum up.', input: 'It rained.' };
  const asked =
    'Sum up.\nIt rained.\n\nTo an earlier response to this, the following was said:\n\nToo long.\n\nRespond anew, in the light of it.';

  test('asks within the plain prompt, or in words of the template', () => {
    const bare = { plain: '[{instruction}]', with_judgment: '{judgment}{instruction}' };
    expect(stringTemplate('own.yaml', bare).renderForewarned(row, 'Too long.')).toBe(`[${asked}]`);
    const own = stringTemplate('own.yaml', {
      ...bare,
      with_next_message: '{instruction}+{input}>{judgment}>',
    });
    expect(own.renderForewarned(row, 'Too {input}.')).toBe('Sum up.+It rained.>Too {input}.>');
  });

  test('of a conversation stands with what the user says last', async () => {
    const template = await chat(
      "{% for m in messages %}{{ m['role'] + ':' + m['content'] + ';' }}{% endfor %}{% if add_generation_prompt %}A:{% endif %}",
    );
    const before = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Yes?' },
    ] as const;
    expect(template.renderForewarned({ ...row, before }, 'Too long.')).toBe(
      `user:Hello;assistant:Yes?;user:${asked};A:`,
    );
    expect(() =>
      stringTemplate('own.yaml', { plain: '{instruction}', with_judgment: '' }).renderForewarned(
        { ...row, before },
        'No.',
      ),
    ).toThrow(/takes one instruction/);
  });
});

describe('prompts that hold a response', () => {
  const row = { instruction: 'Say {output}.', input: 'in' };

  test('are in pieces, so that the end token can close the response', async () => {
    const alpaca = await loadTemplate('alpaca', NO_CHAT);
    const critique = alpaca.renderCritique(row, 'out {judgment}');
    expect(critique).toHaveLength(2);
    expect(critique[0]).toMatch(/### Instruction:\nSay \{output\}\.\nin\n\n### Response:\nout \{judgment\}$/);
    expect(critique[1]).toBe('\n\n### Judgment:\n');
    const revision = alpaca.renderRevision(row, 'out', 'bad {instruction}');
    expect(revision[0]).toMatch(/### Response:\nout$/);
    expect(revision[1]).toBe('\n\n### Judgment:\nbad {instruction}\n\n### Better response:\n');
    expect(alpaca.praise).toBe('Perfect.');
  });

  test('of a string template follow its strings, and name the string that is missing', () => {
    const own = stringTemplate('own.yaml', {
      plain: '{instruction}\n',
      with_judgment: '{judgment}\n{instruction}\n',
      critique: '{instruction}|{input}\n{output}',
      praise: 'Well done!',
    });
    expect(own.renderCritique(row, 'out')).toEqual(['Say {output}.|in\nout', '']);
    expect(own.praise).toBe('Well done!');
    expect(() => own.renderRevision(row, 'out', 'bad')).toThrow(
      /own\.yaml, field "revision": the template has no string "revision"[^]*\{judgment\}/,
    );
  });

  test('of a chat template quote the response in one user message', async () => {
    const template = await chat(
      '<|{{ messages|length }}{{ messages[0].role }}|>{{ messages[0].content }}<|go|>',
    );
    const [critique, ...none] = template.renderCritique(row, 'out');
    expect(critique).toMatch(/^<\|1user\|>[^]*Say \{output\}\.\nin[^]*out<\|go\|>$/);
    expect(none).toEqual([]);
    const [revision] = template.renderRevision(row, 'out', 'bad');
    expect(revision).toMatch(/^<\|1user\|>[^]*Say \{output\}\.\nin[^]*out[^]*bad<\|go\|>$/);
  });
});

describe('a template file', () => {
  const fromFile = (name: string, text: string): ReturnType<typeof loadTemplate> =>
    withFolder({ [name]: text }, (dir) => loadTemplate(`${dir}/${name}`, NO_CHAT));
  const failure = (name: string, text: string): Promise<WhetstoneError> =>
    fromFile(name, text).then(
      () => expect.fail('the template loaded'),
      (error: unknown) => error as WhetstoneError,
    );

  test('may be JSON or YAML, and may place the input itself', async () => {
    const json = await fromFile(
      't.json',
      '{\n\t"plain": "Q: {instruction}\\nA:",\n\t"with_judgment": "{judgment}|{instruction}"}',
    );
    expect(json.render({ instruction: 'a', input: 'b' }, null)).toBe('Q: a\nb\nA:');
    const yaml = await fromFile(
      't.yaml',
      'plain: |\n  {instruction} <{input}>\nwith_judgment: "{instruction}{input}{judgment}"\n',
    );
    expect(yaml.render({ instruction: 'a', input: 'b' }, null)).toBe('a <b>\n');
    expect(yaml.render({ instruction: 'a' }, null)).toBe('a <>\n');
    expect(yaml.render({ instruction: 'a', input: 'b' }, 'c')).toBe('abc');
  });

  test('may hold further strings, which are checked as well', async () => {
    const text = 'plain: "{instruction}"\nwith_judgment: "{instruction}{judgment}"\n';
    const full = await fromFile('t.yaml', `${text}critique: "{instruction} {output} ?"\npraise: Nice.\n`);
    expect(full.renderCritique({ instruction: 'a' }, 'b')).toEqual(['a b', ' ?']);
    expect(full.praise).toBe('Nice.');
    const { message } = await failure('t.yaml', `${text}revision: "{instruction}{output}"\npraise: " "\n`);
    expect(message).toContain('3:11, field "revision": must contain {judgment}'.slice(5));
    expect(message).toContain('field "praise": expected words of praise');
  });

  test('reports everything that is wrong, with positions', async () => {
    const error = await failure(
      't.yaml',
      'plain: "{instruction} {topic}"\nwith_judgment: "{instructions}"\n',
    );
    expect(error.code).toBe('BAD_TEMPLATE');
    expect(error.problems[0]).toMatchObject({ field: 'plain', line: 1, column: 8 });
    expect(error.message).toContain('{topic}');
    expect(error.message).toContain('2:16, field "with_judgment": must contain {judgment}');
    expect(error.message).toContain('must contain {instruction}');
    expect(error.message).toContain('{instructions}');
  });

  test.each([
    ['a missing string', 'plain: "{instruction}"', 'found nothing'],
    ['another type', 'plain: 3\nwith_judgment: "{instruction}{judgment}"', 'found something else'],
    ['a list', '- plain', 'expected an object'],
    ['an empty file', '', 'expected an object'],
    ['bad syntax', '{"plain": "x"', 'must end with a }'],
    [
      'a judgment in the plain prompt',
      'plain: "{instruction}{judgment}"\nwith_judgment: "{instruction}{judgment}"',
      '{judgment}',
    ],
  ])('refuses %s', async (_, text, message) => {
    const error = await failure('t.yaml', text);
    expect(error.code).toBe('BAD_TEMPLATE');
    expect(error.message).toContain(message);
    expect(error.place.line ?? error.problems[0]?.line).toBeGreaterThan(0);
  });

  const right = 'plain: "{instruction}"\nwith_judgment: "{instruction}{judgment}"\n';
  test.each([
    ['praies: Nice.', /t\.yaml:3:1, field "praies": unknown key \(did you mean praise\?\)/],
    ['Critique: "{instruction}{output}"', /field "Critique": unknown key \(did you mean critique\?\)/],
    ['revison: "{instruction}{output}{judgment}"', /did you mean revision\?/],
    ['system: Be brief.', /field "system": unknown key/],
    ['3: x', /field "3": unknown key/],
  ])('knows no other keys: %s', async (line, message) => {
    expect((await failure('t.yaml', `${right}${line}\n`)).message).toMatch(message);
  });

  test.each([
    ['plain', '{"plain": "\\ud83d {instruction}", "with_judgment": "{instruction}{judgment}"}', 1],
    ['with_judgment', '{"plain": "{instruction}", "with_judgment": "{instruction}{judgment}\\udc00"}', 24],
    [
      'praise',
      '{"plain": "{instruction}", "with_judgment": "{instruction}{judgment}", "praise": "Good \\ud800!"}',
      6,
    ],
  ])('that holds half a character is to blame for it itself: %s', async (field, text, at) => {
    const error = await failure('t.json', text);
    expect(error).toMatchObject({ code: 'BAD_TEMPLATE', place: { field } });
    expect(error.message).toContain(`character ${at} is half of a surrogate pair`);
  });

  test('that is not there', async () => {
    await expect(loadTemplate('alpacca', NO_CHAT)).rejects.toMatchObject({ code: 'NO_TEMPLATE' });
    await withFolder({}, async (dir) => {
      await expect(loadTemplate(dir, NO_CHAT)).rejects.toMatchObject({ code: 'NO_TEMPLATE' });
    });
  });
});

describe('chat', () => {
  const TURNS =
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] }}\n" +
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

  test('puts instruction and judgment into one user message', async () => {
    const template = await chat(TURNS);
    expect(template.specialTokens).toBe('template');
    expect(template.render({ instruction: 'Hi', input: 'there' }, null)).toBe(
      '<s><|user|>\nHi\nthere\n</s><|assistant|>\n',
    );
    expect(template.render({ instruction: 'Hi' }, 'Bad {judgment}.')).toBe(
      `<s><|user|>\nHi${JUDGED_REQUEST}Bad {judgment}.\n</s><|assistant|>\n`,
    );
  });

  test('understands what common templates use', async () => {
    const template = await chat(
      '{%- if not date_string is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}' +
        '{%- set ns = namespace(n=0) %}{%- for i in range(3) %}{%- set ns.n = ns.n + i %}{%- endfor %}' +
        '{%- if tools is not none %}TOOLS{%- endif %}{{- date_string + " " + ns.n|string + " " }}' +
        '{%- for m in messages %}{%- if m.role not in ["user"] %}{{ raise_exception("no") }}{%- endif %}' +
        '{% generation %}{{- m.content | trim }}{% endgeneration %}{%- endfor %}',
      new Date(2024, 6, 5, 12),
    );
    expect(template.render({ instruction: ' Hi ' }, null)).toBe('05 Jul 2024 3 Hi');
  });

  test.each([
    [{}, 'x'],
    [{ enable_thinking: false }, 'x<think></think>'],
    [{ enable_thinking: true }, 'x'],
    [{ mode: { name: 'y', list: [1, 'z'] } }, "x{'name': 'y', 'list': [1, 'z']}"],
  ])('has variables: %j', async (args, text) => {
    const source =
      '{{ messages[0].content }}{% if mode is defined %}{{ mode }}{% endif %}' +
      '{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}';
    const tokenizer = { chatTemplate: source, specialTokens: {}, addedTokens: new Set<string>() };
    const template = await loadTemplate('chat', tokenizer, { args });
    expect(template.render({ instruction: 'x' }, null)).toBe(text);
    const again = await recordedTemplate(template.record, tokenizer);
    expect(again.render({ instruction: 'x' }, null)).toBe(text);
    for (const wrong of ['enable_thinkng', 'messages', 'add_generation_prompt'])
      await expect(loadTemplate('chat', tokenizer, { args: { [wrong]: true } })).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
      });
    await expect(loadTemplate('chat', tokenizer, { args: { enable_thinkng: 1 } })).rejects.toThrow(
      /no variable "enable_thinkng" \(did you mean enable_thinking\?\)/,
    );
    await expect(loadTemplate('alpaca', tokenizer, { args: { mode: 1 } })).rejects.toThrow(
      /no variables to set/,
    );
  });

  test('says the same date for as long as it lives', async () => {
    const template = await chat('{{ strftime_now("%Y-%m-%d %H:%M:%S") }}', new Date(2020, 1, 29, 23, 59, 58));
    expect(template.render({ instruction: '' }, null)).toBe('2020-02-29 23:59:58');
  });

  test.each([
    ['NO_CHAT_TEMPLATE', null, 'no chat template'],
    ['BAD_CHAT_TEMPLATE', '{% if %}', 'cannot be read: line 1: expected an expression'],
    ['BAD_CHAT_TEMPLATE', '{{ raise_exception("System message needed") }}', 'System message needed'],
    [
      'BAD_CHAT_TEMPLATE',
      '{{ messages | no_such_filter }}',
      'fails: line 1: there is no filter "no_such_filter"',
    ],
  ])('%s: %s', async (code, chatTemplate, message) => {
    const error = (await loadTemplate('chat', {
      chatTemplate,
      specialTokens: {},
      addedTokens: new Set<string>(),
    }).catch((e: unknown) => e)) as WhetstoneError;
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test('a template that raises for one row does so as an error that names the reason', async () => {
    const template = await chat(
      '{% if "x" in messages[0].content %}{{ raise_exception("x is not allowed") }}{% endif %}',
    );
    expect(() => template.render({ instruction: 'x' }, null)).toThrow(/x is not allowed/);
  });
});

test('formatTime knows names, padding and unpadded numbers', () => {
  const time = new Date(2024, 11, 1, 0, 5, 9);
  expect(formatTime(time, '%a %A %b %B %d %-d %e %m %y %j %I %p %H%M%S %% %Q')).toBe(
    'Sun Sunday Dec December 01 1  1 12 24 336 12 AM 000509 % %Q',
  );
});

test('a string template may lack a placeholder without inventing text', () => {
  const bare = stringTemplate('bare', { plain: 'Go {unknown}', with_judgment: '{judgment}' });
  expect(bare.render({ instruction: 'x' }, null)).toBe('Go {unknown}');
});

test('template files are read in the encoding that they say, and refused in another with the place', () =>
  withFolder({}, async (dir) => {
    const file = join(dir, 'encoded.yaml');
    const text = 'plain: "Aufgabe für dich: {instruction}"\nwith_judgment: "{instruction} {judgment}"\n';
    await writeFile(file, Buffer.from(`\ufeff${text}`, 'utf16le'));
    expect((await loadTemplate(file, NO_CHAT)).render({ instruction: 'x' }, null)).toBe(
      'Aufgabe für dich: x',
    );
    await writeFile(file, Buffer.from(text, 'latin1'));
    await expect(loadTemplate(file, NO_CHAT)).rejects.toThrow(
      /encoded\.yaml:1: .*0xfc as byte 18 of the line/,
    );
    await writeFile(file, `${text}---\nplain: x\n`);
    await expect(loadTemplate(file, NO_CHAT)).rejects.toThrow(
      /encoded\.yaml:3:1: a second document begins here/,
    );
  }));
