// The Chat room: messages and answers, judgments with their colours, learning. Knows what the page may ask; the work is
// the library's.
import { badRequest } from '../../serving/api-error.ts';
import { booleanField, numberField, textField } from '../../serving/fields.ts';
import { isFields } from '../../rows/fields.ts';
import type { ChatState, CodePoints, Judged, Verdict } from '../api/chat.ts';
import { openConversation } from '../chat/conversation.ts';
import type { Conversation } from '../chat/conversation.ts';
import { defaultSettings } from '../../alignment/settings.ts';
import { events, json } from '../route.ts';
import type { Call, Room, Route } from '../route.ts';
import type { Studio } from '../studio.ts';
import { broadcast } from '../topics.ts';

const nobody: ChatState = {
  model: null,
  revision: 0,
  remembers: false,
  lambda: defaultSettings.lambda,
  answers: [],
  prompts: [],
  learning: { fresh: 0, canLearn: false, progress: null, problem: null, inUse: 0, versions: [] },
};

/** Opens the model with its home. Throws as `openLearning`. */
export async function openChat(studio: Studio): Promise<Room> {
  if (studio.model === null) return { routes: [], topics: { chat: broadcast(() => nobody).topic } };
  let conversation: Conversation | null = null;
  let revision = 0;
  const state = (): ChatState => (conversation === null ? nobody : { ...conversation.state(), revision });
  const { topic, tell } = broadcast(state);
  conversation = await openConversation({ ...studio, model: studio.model }, () => {
    revision++;
    tell(state());
  });
  const opened = conversation;
  return { routes: routesOf(opened, () => revision), topics: { chat: topic }, close: () => opened.close() };
}

const routesOf = (conversation: Conversation, revision: () => number): readonly Route[] => [
  post('/api/chat/messages', ({ fields, signal }) => {
    const message = required(textField(fields, 'message'), 'message');
    const judges = booleanField(fields, 'judges');
    return events((send) => conversation.say({ message, judges }, send, signal));
  }),
  post('/api/chat/scores', async ({ fields, signal }) =>
    json(
      await conversation.score(
        required(textField(fields, 'answer'), 'answer'),
        required(textField(fields, 'judgment'), 'judgment'),
        signal,
      ),
    ),
  ),
  post('/api/chat/judgments', async ({ fields }) => {
    await conversation.judge(required(textField(fields, 'answer'), 'answer'), verdictOf(fields['verdict']));
    return json({ revision: revision() } satisfies Judged);
  }),
  post('/api/chat/undo', async () => json({ answer: await conversation.undo() })),
  post('/api/chat/new', async () => {
    await conversation.beginAnew();
    return json({});
  }),
  post('/api/chat/learn', () => {
    conversation.learn();
    return json({});
  }),
  post('/api/chat/use', async ({ fields }) => {
    const version = numberField(fields, 'version', { integer: true, min: 0 });
    if (version === null) throw badRequest("Missing 'version'.", 'version');
    await conversation.use(version);
    return json({});
  }),
];

const post = (path: string, answer: (call: Call) => ReturnType<Route['answer']>): Route => ({
  method: 'POST',
  path,
  answer,
});

function required(text: string | null, name: string): string {
  if (text === null || text.trim() === '') throw badRequest(`'${name}' must not be empty.`, name);
  return text;
}

function verdictOf(value: unknown): Verdict | null {
  if (value === null) return null;
  const verdict = isFields(value) ? value : {};
  const { kind, words, marks } = verdict;
  if (kind === 'perfect' || kind === 'skipped') return { kind };
  if (kind === 'wrong' && typeof words === 'string' && Array.isArray(marks) && marks.every(isCodePoints))
    return { kind, words, marks };
  throw badRequest(`Expected a verdict: perfect, skipped, or wrong with words and marks.`, 'verdict');
}

const isCodePoints = (value: unknown): value is CodePoints =>
  Array.isArray(value) && value.length === 2 && value.every((at) => Number.isSafeInteger(at));
