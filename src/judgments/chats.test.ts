// Chats in every spelling, to rows that can be judged and to responses judged by the next message.
import { describe, expect, it } from 'vitest';
import { nextMessages, readChats, unjudgedRows } from './chats.ts';
import type { ChatFile } from './chats.ts';
import { readTriplets } from './read.ts';
import { canonicalRow } from './write.ts';
import { temporaryFolder } from './temporary-folder.test-helper.ts';

const write = temporaryFolder();
let files = 0;
const rowsFile = (...rows: object[]): string =>
  write(`${files++}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const read = async (...rows: object[]): Promise<ChatFile> => (await readChats(rowsFile(...rows)))!;

const system = { role: 'system', content: 'Be brief.' };
const first = { role: 'user', content: 'The capital of Spain?' };
const answer = { role: 'assistant', content: 'Lisbon.' };
const complaint = { role: 'user', content: 'No, that is in Portugal.' };
const better = { role: 'assistant', content: 'Madrid.' };
const whole = [system, first, answer, complaint, better];
const judged = {
  instruction: first.content,
  before: [system],
  output: 'Lisbon.',
  judgment: complaint.content,
};

const spellings: readonly (readonly [string, string, object])[] = [
  ['OpenAI', 'messages', { messages: whole }],
  [
    'recorded',
    'messages',
    { time: '2026-11-27T12:00:00Z', model: 'm', messages: whole.slice(0, -1), response: 'Madrid.' },
  ],
  [
    'ShareGPT',
    'sharegpt',
    {
      conversations: [
        { from: 'system', value: 'Be brief.' },
        { from: 'human', value: first.content },
        { from: 'gpt', value: 'Lisbon.' },
        { from: 'human', value: complaint.content },
        { from: 'gpt', value: 'Madrid.' },
      ],
    },
  ],
  [
    'ShareGPT with a column for the system',
    'sharegpt',
    {
      system: 'Be brief.',
      conversations: whole.slice(1).map(({ role, content }) => ({ from: role, value: content })),
    },
  ],
  [
    'Alpaca',
    'history',
    {
      instruction: complaint.content,
      input: '',
      output: 'Madrid.',
      system: 'Be brief.',
      history: [[first.content, 'Lisbon.']],
    },
  ],
];

describe.each(spellings)('%s', (_, layout, row) => {
  it('is read, becomes a row to judge, and is judged by the next message', async () => {
    const file = await read(row);
    expect(file).toMatchObject({ layout, rows: 1, problems: [] });
    expect(unjudgedRows(file.chats)).toEqual({ found: [{ messages: whole }], skipped: {} });
    const { found, skipped } = nextMessages(file.chats);
    expect(found).toMatchObject([judged]);
    expect(skipped).toEqual({ 'responses that no message followed': 1 });
    // And what is written is read again.
    const { triplets } = await readTriplets(rowsFile(...found.map(canonicalRow)));
    expect(triplets).toMatchObject([judged]);
  });
});

it('takes what a growing recording repeats once, and keeps ids and places', async () => {
  const thanks = { role: 'user', content: 'And its river?' };
  const file = await read(
    { id: 'a', messages: [system, first], response: 'Lisbon.' },
    { id: 'b', messages: whole.slice(0, -1), response: 'Madrid.' },
    { id: 'c', messages: [...whole, thanks], response: 'The Manzanares.' },
  );
  const { found, skipped } = nextMessages(file.chats);
  expect(found).toMatchObject([
    { id: 'b', ...judged, source: { row: 2, part: 'messages[2]' } },
    { id: 'c', output: 'Madrid.', judgment: 'And its river?', source: { row: 3, part: 'messages[4]' } },
  ]);
  expect(skipped).toEqual({
    'responses that no message followed': 3,
    'responses that a longer recording of the same conversation has again': 1,
  });
});

it('leaves a last message of the user out of a row to judge, and counts chats without a response', async () => {
  const { chats } = await read({ messages: [first, answer, complaint] }, { messages: [first] });
  expect(unjudgedRows(chats)).toEqual({
    found: [{ messages: [first, answer] }],
    skipped: { 'chats without a response': 1 },
  });
  expect(nextMessages(chats).found).toMatchObject([{ output: 'Lisbon.', judgment: complaint.content }]);
});

it.each([
  [
    'conversations[1].from',
    {
      conversations: [
        { from: 'human', value: 'a' },
        { from: 'tool', value: 'b' },
      ],
    },
  ],
  [
    'conversations[0].value',
    {
      conversations: [
        { from: 'human', value: 5 },
        { from: 'gpt', value: 'b' },
      ],
    },
  ],
  ['conversations[0].from', { conversations: [{ from: 'gpt', value: 'a' }] }],
  ['conversations', { conversations: 'a' }],
  ['messages[1].role', { messages: [first, first] }],
  ['messages', { messages: [] }],
])('refuses a wrong %s', async (field, row) => {
  await expect(readChats(rowsFile(row))).rejects.toMatchObject({
    code: 'INVALID_ROWS',
    place: { row: 1, field },
  });
  expect(await readChats(rowsFile(row), { onProblem: 'collect' })).toMatchObject({
    chats: [],
    problems: [{ field }],
  });
});

it('leaves judged rows, and those whose judgment is misspelt, to the readers of triplets', async () => {
  for (const more of [{ judgment: null }, { judgement: 'No.' }])
    expect(await readChats(rowsFile({ messages: [first, answer], ...more }))).toBeNull();
  expect(await readChats(rowsFile({ instruction: 'a', output: 'b' }))).toBeNull();
  await expect(readTriplets(rowsFile({ messages: [first, answer] }))).rejects.toThrow(
    /Chats without judgments: "whetstone data convert/,
  );
});
