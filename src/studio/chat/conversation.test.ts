// A conversation as the library has it, without a page: several turns, the next message as a judgment, verdicts that are
// replaced and taken back, what a new start finds, scores that nobody waits for.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { score } from '../../evaluation/score.ts';
import type { AnswerEvent } from '../api/chat.ts';
import type { Studio } from '../studio.ts';
import { openConversation } from './conversation.ts';
import type { Conversation } from './conversation.ts';

const world = fileURLToPath(new URL('../../../models/world-64', import.meta.url));
let dir: string;
/** The same model with a template for conversations. */
let chatting: string;
const open: Conversation[] = [];
const never = new AbortController().signal;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-conversation-'));
  chatting = join(dir, 'chatting');
  await cp(world, chatting, { recursive: true });
  await rm(join(chatting, 'template.json'));
  const file = join(chatting, 'tokenizer_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  const template =
    "{% for m in messages %}{{ 'Instruction: ' if m.role == 'user' else 'Response:\\n' }}{{ m.content }}\n{% endfor %}" +
    "{% if add_generation_prompt %}{{ 'Response:\\n' }}{% endif %}";
  await writeFile(file, JSON.stringify({ ...config, chat_template: template }));
});
afterEach(async () => {
  for (const conversation of open.splice(0)) await conversation.close();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function start(model: string, name: string, changed = (): void => undefined): Promise<Conversation> {
  const studio: Studio & { readonly model: string } = {
    ...{ model, adapter: null, template: null, prompts: null, threads: 1, runs: join(dir, name) },
    ...{ signal: never, onNote: () => undefined },
  };
  const conversation = await openConversation(studio, changed);
  open.push(conversation);
  return conversation;
}

async function say(conversation: Conversation, message: string, judges = false): Promise<AnswerEvent[]> {
  const told: AnswerEvent[] = [];
  await conversation.say({ message, judges }, (event) => void told.push(event), never);
  return told;
}
const messages = (conversation: Conversation): string[] =>
  conversation.state().answers.map(({ message }) => message);

it('streams an answer, and the pieces are the answer', async () => {
  const conversation = await start(world, 'streams');
  const told = await say(conversation, 'Say river three times.');
  const last = told.at(-1)!;
  expect(last.kind).toBe('answer');
  const pieces = told.map((event) => (event.kind === 'text' ? event.text : '')).join('');
  expect(last).toMatchObject({ answer: { text: pieces, version: 0, whole: true, verdict: null } });
});

it('scores an answer as `score` does', async () => {
  const conversation = await start(world, 'scores');
  await say(conversation, 'Name the capital of Poland.');
  const [answer] = conversation.state().answers;
  const judgment = 'Poland has another capital.';
  const found = await conversation.score(answer!.id, judgment, never);
  const row = { instruction: answer!.message, output: answer!.text, judgment };
  const template = join(world, 'template.json');
  for await (const expected of score({ model: world, template, triplets: [row], threads: 1 })) {
    expect(found.tokens).toEqual(expected.offsets);
    expected.logprob.forEach((value, i) => expect(found.plain[i]).toBeCloseTo(value, 4));
    expected.logprob_judged!.forEach((value, i) => expect(found.judged[i]).toBeCloseTo(value, 4));
  }
  expect(await conversation.score(answer!.id, judgment, never)).toEqual(found);
});

it('passes over scores that nobody waits for any more', async () => {
  const conversation = await start(world, 'superseded');
  await say(conversation, 'Name the capital of Poland.');
  const { id } = conversation.state().answers[0]!;
  const gone = new AbortController();
  const asked = ['a', 'b', 'c'].map((words) => conversation.score(id, words, gone.signal));
  const last = conversation.score(id, 'Poland has another capital.', never);
  gone.abort(new Error('superseded'));
  for (const each of await Promise.allSettled(asked)) expect(each.status).toBe('rejected');
  expect((await last).judged.length).toBeGreaterThan(1);
});

it('shows earlier turns to a model that takes them, and takes the next message for a judgment', async () => {
  const conversation = await start(chatting, 'turns');
  expect(conversation.state().remembers).toBe(true);
  await say(conversation, 'Name the capital of Poland.');
  await say(conversation, 'No, that is not the capital.', true);
  const [first, second] = conversation.state().answers;
  expect(first!.verdict).toEqual({ kind: 'wrong', words: 'No, that is not the capital.', marks: [] });
  expect(second!.message).toBe('No, that is not the capital.');
  await conversation.judge(second!.id, { kind: 'wrong', words: 'Still wrong.', marks: [[0, 1]] });
  await conversation.close();
  const journal = await readFile(join(dir, 'turns', 'studio', 'chatting', 'events.jsonl'), 'utf8');
  const rows = journal
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { row: { messages?: unknown[] }; spans?: unknown }).row);
  expect(rows[1]!.messages).toHaveLength(4);
});

it('takes the next message for a judgment alone where every message begins anew', async () => {
  const conversation = await start(world, 'alone');
  expect(conversation.state().remembers).toBe(false);
  await say(conversation, 'Name the capital of Poland.');
  expect(await say(conversation, 'Poland has another capital.', true)).toEqual([]);
  expect(messages(conversation)).toEqual(['Name the capital of Poland.']);
  expect(conversation.state().answers[0]!.verdict).toMatchObject({ words: 'Poland has another capital.' });
  expect(conversation.state().learning.fresh).toBe(1);
});

it('has one verdict an answer, the last, and takes it back step by step', async () => {
  let changes = 0;
  const conversation = await start(world, 'verdicts', () => void changes++);
  await say(conversation, 'Name the capital of Poland.');
  const { id } = conversation.state().answers[0]!;
  const verdict = (): unknown => conversation.state().answers[0]!.verdict;
  const before = changes;
  await conversation.judge(id, { kind: 'skipped' });
  await conversation.judge(id, { kind: 'wrong', words: 'Wrong city.', marks: [] });
  await conversation.judge(id, { kind: 'perfect' });
  expect(changes).toBe(before + 3);
  expect(conversation.state().learning.fresh).toBe(1);
  expect(verdict()).toEqual({ kind: 'perfect' });
  expect(await conversation.undo()).toBe(id);
  expect(verdict()).toEqual({ kind: 'wrong', words: 'Wrong city.', marks: [] });
  await conversation.undo();
  expect(verdict()).toEqual({ kind: 'skipped' });
  await conversation.undo();
  expect(verdict()).toBeNull();
  expect(await conversation.undo()).toBeNull();
  await expect(conversation.judge('nobody', { kind: 'perfect' })).rejects.toMatchObject({
    code: 'NO_SUCH_ANSWER',
  });
  await expect(
    conversation.judge(id, { kind: 'wrong', words: 'Wrong.', marks: [[0, 999]] }),
  ).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
});

it('finds all of it after a kill', async () => {
  const conversation = await start(world, 'killed');
  await say(conversation, 'Name the capital of Poland.');
  const { id } = conversation.state().answers[0]!;
  await conversation.judge(id, { kind: 'wrong', words: 'Wrong city.', marks: [[4, 11]] });
  const before = conversation.state();
  // As a kill leaves it: the files as they are now, the last line of one cut off.
  const home = join('studio', 'world-64');
  await cp(join(dir, 'killed'), join(dir, 'later'), { recursive: true });
  await rm(join(dir, 'later', home, 'run.lock'), { force: true });
  const transcript = join(dir, 'later', home, 'chat.jsonl');
  await writeFile(transcript, `${await readFile(transcript, 'utf8')}{"event":"answered","id":"a2","mess`);
  const later = await start(world, 'later');
  expect(later.state().answers).toEqual(before.answers);
  await say(later, 'List two birds.');
  expect(later.state().answers.map(({ id }) => id)).toEqual(['a1', 'a2']);
  await later.beginAnew();
  expect(later.state().answers).toEqual([]);
});
