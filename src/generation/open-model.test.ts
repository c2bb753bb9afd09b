// Which template an adapter is asked with: the one it was trained with, unless somebody says otherwise.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTemplate, writeTemplateRecord } from '../tokens/index.ts';
import { byteLevel, withFolder } from '../tokens/test-tokenizers.ts';
import { loadVoice, templateNote } from './open-model.ts';

const chat = '{{ messages[0].content }}{% if tone is defined %} {{ tone }}{% endif %}:';
const model = byteLevel(undefined, { chat_template: chat });
const layout = 'plain: "Q {instruction}\\nA "\nwith_judgment: "{judgment} {instruction} "\npraise: Good.\n';

/** A model folder with a template file and an adapter that was trained with `spec`; undefined: one of another program. */
const trained = <T>(
  spec: string | undefined,
  use: (dir: string, adapter: string) => Promise<T>,
  args: Readonly<Record<string, unknown>> = {},
): Promise<T> =>
  withFolder({ ...model, 'layout.yaml': layout }, async (dir) => {
    const adapter = join(dir, 'adapter');
    await mkdir(adapter);
    if (spec !== undefined) {
      const { tokenizer } = await loadVoice({ model: dir, template: 'alpaca' });
      const file = spec.endsWith('.yaml') ? join(dir, spec) : spec;
      await writeTemplateRecord(adapter, (await loadTemplate(file, tokenizer, { args })).record);
    }
    return use(dir, adapter);
  });
const asked = { instruction: 'Why?' };

describe('an adapter is asked with the template that it was trained with', () => {
  it.each([
    ['alpaca', {}, /^Below is an instruction/],
    ['chat', {}, /^Why\?:$/],
    ['chat', { tone: 'calm' }, /^Why\? calm:$/],
    ['layout.yaml', {}, /^Q Why\?\nA $/],
  ])('%s %j', (spec, args, text) =>
    trained(
      spec,
      async (dir, adapter) => {
        const voice = await loadVoice({ model: dir, template: null, adapter });
        expect(voice.template.render(asked, null)).toMatch(text);
        expect(await templateNote(voice, adapter)).toBeNull();
      },
      args,
    ),
  );

  it('also where the file of the template is gone', () =>
    trained('layout.yaml', async (dir, adapter) => {
      await writeFile(join(dir, 'layout.yaml'), 'plain: gone');
      const { template } = await loadVoice({ model: dir, template: null, adapter });
      expect(template.render(asked, 'Bad.')).toBe('Bad. Why? ');
      expect(template.praise).toBe('Good.');
    }));

  it('and in one that says nothing, or without one, as the model is', () =>
    trained(undefined, async (dir, adapter) => {
      for (const each of [adapter, null, undefined]) {
        const voice = await loadVoice({ model: dir, template: null, adapter: each });
        expect(voice.template.name).toBe('chat');
        expect(await templateNote(voice, each ?? null)).toBeNull();
      }
    }));
});

it.each([
  ['alpaca', 'chat', 'trained with the template alpaca; it is asked with chat, as told'],
  ['chat', 'alpaca', 'trained with the template chat; it is asked with alpaca, as told'],
  ['layout.yaml', 'alpaca', 'trained with the template the file layout.yaml; it is asked with alpaca'],
])('whoever says otherwise is told: %s, then %s', (spec, told, note) =>
  trained(spec, async (dir, adapter) => {
    const voice = await loadVoice({ model: dir, template: told, adapter });
    expect(voice.template.name).toBe(told);
    expect((await templateNote(voice, adapter))?.text).toContain(note);
  }),
);

it('a variable with another value is another template, and the same file is the same', () =>
  trained(
    'chat',
    async (dir, adapter) => {
      const loud = await loadVoice({ model: dir, template: null, adapter, args: { tone: 'loud' } });
      expect(loud.template.render(asked, null)).toBe('Why? loud:');
      expect((await templateNote(loud, adapter))?.text).toContain(
        'chat with tone="calm"; it is asked with chat with tone="loud"',
      );
    },
    { tone: 'calm' },
  ));

it.each(['{', '[]', '{"template": 3}', '{"template": "mine"}', '{"template": "x", "strings": {"plain": 1}}'])(
  'a damaged record is named: %s',
  (text) =>
    trained(undefined, async (dir, adapter) => {
      await writeFile(join(adapter, 'prompt_template.json'), text);
      await expect(loadVoice({ model: dir, template: null, adapter })).rejects.toMatchObject({
        code: 'BAD_TEMPLATE',
        place: { file: join(adapter, 'prompt_template.json') },
      });
    }),
);
