// The Chat room: messages and answers, judgments with their colours, learning. Knows what the page may ask; the work is
// the library's.
import { badRequest } from '../../serving/api-error.ts';
import { booleanField, numberField } from '../../serving/fields.ts';
import type { ChatState, Judged } from '../api/chat.ts';
import { openConversation } from '../chat/conversation.ts';
import type { Conversation } from '../chat/conversation.ts';
import { defaultSettings } from '../../alignment/settings.ts';
import { events, json, post, requiredText } from '../route.ts';
import type { Room, Route } from '../route.ts';
import type { Studio } from '../studio.ts';
import { broadcast } from '../topics.ts';
import { verdictOf } from '../verdict.ts';

const nobody: ChatState = {
  model: null,
  revision: 0,
  remembers: false,
  lambda: defaultSettings.lambda,
  answers: [],
  prompts: [],
  learning: {
    ...{ fresh: 0, canLearn: false, progress: null, unfinished: null, problem: null, inUse: 0, versions: [] },
  },
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
    const message = requiredText(fields, 'message');
    const judges = booleanField(fields, 'judges');
    return events((send) => conversation.say({ message, judges }, send, signal));
  }),
  post('/api/chat/scores', async ({ fields, signal }) =>
    json(await conversation.score(requiredText(fields, 'answer'), requiredText(fields, 'judgment'), signal)),
  ),
  post('/api/chat/judgments', async ({ fields }) => {
    await conversation.judge(requiredText(fields, 'answer'), verdictOf(fields['verdict']));
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
