// Conversations in rows: what is read of them, and every refusal with its row and field.
import { describe, expect, it } from 'vitest';
import { readReferences } from '../evaluation/references.ts';
import { readInstructions } from '../generation/instructions.ts';
import { readJudgeRows } from '../judges/judge-rows.ts';
import { canonicalRow, readTriplets } from '../judgments/index.ts';
import { temporaryFolder } from '../judgments/temporary-folder.test-helper.ts';

const write = temporaryFolder();
let files = 0;
const rowsFile = (...rows: object[]): string =>
  write(`${files++}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

const system = { role: 'system', content: 'Be brief.' };
const asked = { role: 'user', content: 'And of Spain?' };
const answered = { role: 'assistant', content: 'Lisbon.' };
const earlier = [
  { role: 'user', content: 'What is the capital of France?' },
  { role: 'assistant', content: 'Paris.' },
];
const judgment = 'It is Madrid.';
const wanted = { instruction: 'And of Spain?', before: [system, ...earlier], output: 'Lisbon.', judgment };
const triplet = async (row: object): Promise<object> => {
  const { triplets } = await readTriplets(rowsFile(row));
  const { source, ...read } = triplets[0]!;
  expect(source.row).toBe(1);
  return read;
};

describe('a conversation', () => {
  const context = [system, ...earlier, asked];

  it.each([
    ['messages', { messages: [...context, answered], judgment }],
    ['messages and a response', { messages: context, response: 'Lisbon.', judgment }],
    ['messages and an output', { messages: context, output: 'Lisbon.', judgment }],
    [
      'what a program was given',
      { instruction: asked.content, messages: context, output: 'Lisbon.', judgment },
    ],
    [
      'system and history',
      {
        instruction: asked.content,
        input: '',
        system: 'Be brief.',
        history: [['What is the capital of France?', 'Paris.']],
        output: 'Lisbon.',
        judgment,
      },
    ],
  ])('is read from %s', async (_, row) => {
    expect(await triplet(row)).toEqual(wanted);
  });

  it('of one message is an instruction', async () => {
    expect(await triplet({ messages: [asked, answered], judgment })).toEqual({
      instruction: 'And of Spain?',
      output: 'Lisbon.',
      judgment,
    });
  });

  it('takes a developer for a system, and an input into what is said last', async () => {
    const read = await triplet({ messages: [{ ...system, role: 'developer' }, asked, answered], judgment });
    expect(read).toMatchObject({ before: [system] });
    expect(
      await triplet({
        instruction: 'Sum up.',
        input: 'It rained.',
        system: 'Be brief.',
        output: 'Rain.',
        judgment,
      }),
    ).toEqual({ instruction: 'Sum up.\nIt rained.', before: [system], output: 'Rain.', judgment });
  });

  it('is read from tables, where lists are JSON', async () => {
    const messages = JSON.stringify([...context, answered]).replaceAll('"', '""');
    const { triplets } = await readTriplets(write('t.csv', `messages,judgment\n"${messages}",${judgment}\n`));
    expect(triplets[0]).toMatchObject(wanted);
    const history = '[[""What is the capital of France?"",""Paris.""]]';
    const table = `instruction,output,judgment,system,history\nAnd of Spain?,Lisbon.,${judgment},Be brief.,"${history}"\n`;
    expect((await readTriplets(write('h.csv', table))).triplets[0]).toMatchObject(wanted);
  });

  it('is written as messages, and read back as it was', async () => {
    const { triplets } = await readTriplets(
      rowsFile({ messages: [...context, answered], judgment, id: 'a' }),
    );
    const row = canonicalRow(triplets[0]!);
    expect(row).toEqual({ id: 'a', messages: [...context, answered], judgment });
    expect(await triplet(row)).toEqual({ ...wanted, id: 'a' });
  });

  it('is read by those who judge, respond and compare', async () => {
    const { rows } = await readJudgeRows(rowsFile({ messages: [...context, answered] }));
    const { instruction, before, output } = wanted;
    expect(rows[0]!.request).toEqual({ id: '1', instruction, before, output });
    expect(await readInstructions(rowsFile({ messages: context }))).toEqual([
      { instruction, before, row: 1 },
    ]);
    const { rows: references } = await readReferences(rowsFile({ messages: context, reference: 'Madrid.' }));
    expect(references).toEqual([{ instruction, before, reference: 'Madrid.' }]);
  });
});

describe('refusals', () => {
  const good = { messages: [asked, answered], judgment };
  const tool = { role: 'tool', content: '42' };

  it.each([
    ['no messages', { messages: [] }, 'messages', /at least one message, found an empty list/],
    ['a text for messages', { messages: 'Hello' }, 'messages', /a list of messages/],
    ['an item that is none', { messages: [asked, 'Lisbon.'] }, 'messages[1]', /an object/],
    [
      'two answers in a row',
      { messages: [asked, answered, answered] },
      'messages[2].role',
      /two messages of the assistant in a row/,
    ],
    [
      'two questions in a row',
      { messages: [asked, asked, answered] },
      'messages[1].role',
      /two messages of the user in a row/,
    ],
    [
      'an answer first',
      { messages: [answered, asked, answered] },
      'messages[0].role',
      /the role assistant first/,
    ],
    [
      'a system message later',
      { messages: [asked, system, answered] },
      'messages[1].role',
      /at the beginning/,
    ],
    ['a system message alone', { messages: [system] }, 'messages', /a message of the user/],
    [
      'a tool',
      { messages: [asked, tool, answered] },
      'messages[1].role',
      /tools are not read, found the string "tool"/,
    ],
    [
      'a call of a tool',
      { messages: [asked, { ...answered, tool_calls: [{ id: 'x' }] }] },
      'messages[1].tool_calls',
      /calls of tools/,
    ],
    [
      'an unknown role',
      { messages: [{ ...asked, role: 'narrator' }, answered] },
      'messages[0].role',
      /"narrator"/,
    ],
    ['no role', { messages: [{ content: 'x' }, answered] }, 'messages[0].role', /found nothing/],
    [
      'parts',
      { messages: [{ ...asked, content: [{ type: 'text', text: 'x' }] }, answered] },
      'messages[0].content',
      /parts such as images/,
    ],
    [
      'no content',
      { messages: [asked, { role: 'assistant', content: null }] },
      'messages[1].content',
      /found null/,
    ],
    ['the user last', { messages: [asked, answered, asked] }, 'messages[2].role', /or a field "response"/],
    [
      'two responses',
      { messages: [asked, answered], response: 'Lisbon.' },
      'response',
      /the last message is the response/,
    ],
    ['two fields of it', { messages: [asked], response: 'a', output: 'b' }, 'output', /one response/],
    ['a system twice', { messages: [asked, answered], system: 'Be brief.' }, 'system', /beside "messages"/],
    [
      'another instruction',
      { messages: [asked, answered], instruction: 'What?' },
      'instruction',
      /says last/,
    ],
    [
      'a history that is none',
      { instruction: 'a', output: 'b', messages: null, history: [['x', 5]] },
      'history[0]',
      /a pair of texts/,
    ],
    [
      'a history of words',
      { instruction: 'a', output: 'b', messages: null, history: 'x' },
      'history',
      /a list of pairs/,
    ],
  ])('%s', async (_, row, field, words) => {
    const refused = readTriplets(rowsFile(good, { ...good, ...row }));
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ROWS', place: { row: 2, field } });
    await expect(refused).rejects.toThrow(words);
  });

  it('instructions end with the user', async () => {
    await expect(readInstructions(rowsFile({ messages: [asked, answered] }))).rejects.toMatchObject({
      place: { row: 1, field: 'messages[1].role' },
    });
  });

  it('layouts of single instructions have no turns', async () => {
    const row = { question: 'a', answer: 'b', feedback: 'c', history: [['x', 'y']] };
    await expect(readTriplets(rowsFile(row))).rejects.toMatchObject({ place: { row: 1, field: 'history' } });
  });
});
