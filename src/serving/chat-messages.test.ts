// Messages as prompts: by the model's own chat template, and as instructions.
import { describe, expect, it } from 'vitest';
import { conversationTemplate, loadTemplate } from '../tokens/index.ts';
import type { RenderChat } from '../tokens/index.ts';
import { byteLevel, load } from '../tokens/test-tokenizers.ts';
import { encodeMessages, instructionPieces, readTemplateArgs } from './chat-messages.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import type { ServedModel } from './served-model.ts';
import type { Message, Role } from '../rows/conversation.ts';

const source =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' and not loop.first %}" +
  "{{ raise_exception('the system message comes first') }}{% endif %}" +
  "[{{ m.role }}] {{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}" +
  '{% if add_generation_prompt %}[assistant] {% endif %}';

async function chatModel(): Promise<ServedModel> {
  const tokenizer = await load(byteLevel(undefined, { chat_template: source }));
  return {
    ...fakeModel(),
    tokenizer,
    template: await loadTemplate('chat', tokenizer),
    renderChat: conversationTemplate(tokenizer, () => new Date(0)),
  };
}

describe("the model's chat template", () => {
  it('gets the whole conversation, and writes the special tokens itself', async () => {
    const model = await chatModel();
    const ids = await encodeMessages(model, [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'One?' },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'Two?' },
    ]);
    expect(await model.tokenizer.decode(ids)).toBe(
      '<s>[system] Be brief.\n[user] One?\n[assistant] Yes.</s>\n[user] Two?\n[assistant] ',
    );
    expect(Array.from(ids).filter((id) => id === model.tokenizer.bosTokenId)).toHaveLength(1);
  });

  it.each([
    ['opened', 'Yes, ', '<s>[user] One?\n[assistant] Yes, </s>\n[assistant] '],
    ['bare', 'Yes, ', '<s>[user] One?\n[assistant] Yes, </s>\n'],
    ['continued', 'Yes, ', '<s>[user] One?\n[assistant] Yes, '],
    ['continued', 'Yes', '<s>[user] One?\n[assistant] Yes'],
    ['continued', '', '<s>[user] One?\n[assistant] '],
    ['continued', '</s>\n[user] ', '<s>[user] One?\n[assistant] </s>\n[user] '],
  ] as const)('ends %s, after %j', async (opening, content, expected) => {
    const messages: readonly Message[] = [
      { role: 'user', content: 'One?' },
      { role: 'assistant', content },
    ];
    const model = await chatModel();
    const ids = await encodeMessages(model, messages, { opening });
    expect(await model.tokenizer.decode(ids)).toBe(expected);
  });

  it.each([
    ['trims its turns', (text: string): string => text.trim(), 'a Yes, ', 'Q a Yes,'],
    ['keeps them', (text: string): string => text, 'a Yes, ', 'Q a Yes, '],
  ])('goes on where the template %s', async (_, said, content, expected) => {
    const model = await chatModel();
    const renderChat: RenderChat = (messages) =>
      `Q ${messages.map((each) => said(each.content)).join('|')}</s>`;
    const ids = await encodeMessages({ ...model, renderChat }, [{ role: 'assistant', content }], {
      opening: 'continued',
    });
    expect(await model.tokenizer.decode(ids)).toBe(expected);
  });

  it('refuses to go on with a message that the template takes out', async () => {
    const model = { ...(await chatModel()), renderChat: () => 'nothing of it' };
    const asked = encodeMessages(model, [{ role: 'user', content: 'One?' }], { opening: 'continued' });
    await expect(asked).rejects.toMatchObject({ status: 400, param: 'continue_final_message' });
  });

  it('has its refusal passed on as a fault of the messages', async () => {
    const messages: readonly Message[] = [
      { role: 'user', content: 'One?' },
      { role: 'system', content: 'Be brief.' },
    ];
    await expect(encodeMessages(await chatModel(), messages)).rejects.toMatchObject({
      status: 400,
      param: 'messages',
      message: expect.stringContaining('the system message comes first') as string,
    });
  });
});

describe('chat_template_kwargs', () => {
  const withTone = `{% if tone is defined %}{{ tone }} {% endif %}${source}`;
  const toned = async (): Promise<ServedModel> => {
    const tokenizer = await load(byteLevel(undefined, { chat_template: withTone }));
    const template = await loadTemplate('chat', tokenizer, { args: { tone: 'calm' } });
    const renderChat = conversationTemplate(tokenizer, () => new Date(0), { tone: 'calm' });
    return { ...fakeModel(), tokenizer, template, renderChat };
  };
  const asked: readonly Message[] = [{ role: 'user', content: 'One?' }];

  it.each([
    [{}, 'calm <s>'],
    [{ chat_template_kwargs: null }, 'calm <s>'],
    [{ chat_template_kwargs: { tone: 'loud' } }, 'loud <s>'],
    [{ chat_template_kwargs: { tone: true, unknown: [1, { a: null }] } }, 'True <s>'],
    [{ chat_template_kwargs: { add_generation_prompt: false, messages: [] } }, 'calm <s>'],
  ])('%j', async (fields, begin) => {
    const model = await toned();
    const ids = await encodeMessages(model, asked, { args: readTemplateArgs(model, fields) });
    expect(await model.tokenizer.decode(ids)).toBe(`${begin}[user] One?\n[assistant] `);
  });

  it('is refused where it is nested without end', async () => {
    const model = await toned();
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const value = JSON.parse(`${open.repeat(1e5)}1${close.repeat(1e5)}`) as unknown;
      expect(() => readTemplateArgs(model, { chat_template_kwargs: { value } })).toThrow(/nested at most/);
    }
  });

  it('is an object, and for templates that have variables', async () => {
    const model = await toned();
    for (const wrong of ['x', 3, [1]])
      expect(() => readTemplateArgs(model, { chat_template_kwargs: wrong })).toThrow(/expected an object/);
    expect(() => readTemplateArgs(fakeModel(), { chat_template_kwargs: { a: 1 } })).toThrow(
      /no variables to set/,
    );
    expect(readTemplateArgs(fakeModel(), { chat_template_kwargs: {} })).toEqual({});
  });
});

describe('a template of instructions', () => {
  const { template } = fakeModel();
  const turn = (role: Role, content: string): Message => ({ role, content });

  it('takes what is said before an answer as one instruction', () => {
    expect(instructionPieces(template, [turn('user', 'a')])).toEqual(['<a>']);
    expect(instructionPieces(template, [turn('system', 's')])).toEqual(['<s>']);
    const all = [turn('system', 's'), turn('user', 'a'), turn('user', 'b'), turn('assistant', 'c')];
    expect(instructionPieces(template, [...all, turn('system', 't'), turn('user', 'd')])).toEqual([
      '<s\n\na\n\nb>c',
      '<t\n\nd>',
    ]);
  });

  it('goes on with the last answer where it is asked to', () => {
    const messages = [turn('user', 'a'), turn('assistant', 'b')];
    expect(instructionPieces(template, messages, 'continued')).toEqual(['<a>b']);
    const asked = [...messages, turn('user', 'c')];
    expect(() => instructionPieces(template, asked, 'continued')).toThrow(/message of the assistant/);
    expect(() => instructionPieces(template, asked, 'bare')).toThrow(/always begins/);
  });

  it.each([
    [[turn('assistant', 'a'), turn('user', 'b')], 'messages[0].role'],
    [
      [turn('user', 'a'), turn('assistant', 'b'), turn('assistant', 'c'), turn('user', 'd')],
      'messages[2].role',
    ],
    [[turn('user', 'a'), turn('assistant', 'b')], 'messages[1].role'],
  ])('refuses answers to nothing, and to have the last word', (messages, param) => {
    expect(() => instructionPieces(template, messages)).toThrow(
      expect.objectContaining({ status: 400, param }),
    );
  });
});
