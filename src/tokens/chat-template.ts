// The model's own chat template as a prompt template: a conversation, then the turn of the assistant.
// It does not know tokens or where templates are kept.
import { WhetstoneError } from '../errors.ts';
import type { Value } from '../jinja/index.ts';
import { callable, compileTemplate, fault, fromJson, variablesOf } from '../jinja/index.ts';
import { conversationText, instructionWithInput, isConversation, messagesOf } from '../rows/conversation.ts';
import type { Message, PromptText } from '../rows/conversation.ts';
import type { PromptTemplate } from './prompt.ts';
import { suggestion } from '../options/suggest.ts';
import { forewarnedRequest, noPlace, PRAISE } from './prompt.ts';
import { formatTime } from './strftime.ts';
import type { Tokenizer } from './tokenizer.ts';
import { thousands } from '../words/numbers.ts';
import { option } from '../words/option.ts';
import { bareTurn, findTurn } from './turn.ts';
import type { TurnShape } from './turn.ts';

/** What stands between instruction and judgment in the user message of a judged prompt. */
export const JUDGED_REQUEST = '\n\nWrite a response that deserves the following judgment.\n\nJudgment: ';

/** The user message of a critique prompt and of a revision prompt. Responses in it are quoted, not spoken. */
const critiqueRequest = (prompt: PromptText, output: string): string =>
  `Say what is wrong with the response to the following ${kindOf(prompt)}, if anything is.\n\n${quoted(prompt, output)}`;
const revisionRequest = (prompt: PromptText, output: string, judgment: string): string =>
  `Write a better response to the following ${kindOf(prompt)}, one that the judgment of this response would find no ` +
  `fault with. Write nothing else.\n\n${quoted(prompt, output)}\n\nJudgment: ${judgment}`;

const kindOf = (prompt: PromptText): string => (isConversation(prompt) ? 'conversation' : 'instruction');

const quoted = (prompt: PromptText, output: string): string =>
  `${isConversation(prompt) ? '' : 'Instruction: '}${conversationText(prompt)}\n\nResponse: ${output}`;

/** What a chat template is made of. */
export type ChatTokenizer = Pick<Tokenizer, 'chatTemplate' | 'specialTokens' | 'addedTokens'>;

/** Values for the variables of a chat template, such as `enable_thinking`, as JSON has them. */
export type TemplateArgs = Readonly<Record<string, unknown>>;

/** How one conversation is rendered. */
export interface Rendering {
  /** Whether the assistant's next turn begins at its end; default true. */
  readonly opened?: boolean;
  /** Values for the template's variables, before those it was opened with. */
  readonly args?: TemplateArgs;
}

export type RenderChat = (messages: readonly Message[], rendering?: Rendering) => string;

/**
 * Renders a conversation by a tokenizer's chat template; `now` gives what its `strftime_now` tells, `args` the values
 * of its variables. The text holds every special token itself. Throws `NO_CHAT_TEMPLATE`, or `BAD_CHAT_TEMPLATE` where
 * the template cannot be read; the function, where the template raises or does too much.
 */
export function conversationTemplate(
  tokenizer: Pick<Tokenizer, 'chatTemplate' | 'specialTokens'>,
  now: () => Date,
  args: TemplateArgs = {},
): RenderChat {
  const source = tokenizer.chatTemplate;
  if (source === null) {
    throw new WhetstoneError('NO_CHAT_TEMPLATE', 'the model has no chat template', {
      hint: `Use the ${option('template')} alpaca, or the path of a template file; base models have seldom a template of their own.`,
    });
  }
  const template = attempt(() => compileTemplate(source));
  const fixed = { tools: null, documents: null, ...valuesOf(tokenizer.specialTokens), ...valuesOf(args) };
  return (messages, { opened = true, args: others = {} } = {}) =>
    attempt(() => {
      const spoken = messages.map(({ role, content }) => fromJson({ role, content }));
      const told = { ...functions(now), ...fixed, ...valuesOf(others) };
      return template({ ...told, messages: spoken, add_generation_prompt: opened });
    });
}

const valuesOf = (fields: Readonly<Record<string, unknown>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromJson(value)]));

/** Throws `INVALID_OPTIONS` for a value that the chat template does not ask for, or that is not the user's to give. */
export function requireKnownArgs(source: string, args: TemplateArgs): void {
  const own = ['messages', 'add_generation_prompt'];
  const names = [...attempt(() => variablesOf(source))].filter((name) => !own.includes(name));
  const wrong = Object.keys(args).find((name) => !names.includes(name));
  if (wrong === undefined) return;
  const message = own.includes(wrong)
    ? `"${wrong}" is not to be set: each prompt brings its own`
    : `the chat template has no variable "${wrong}"${suggestion(wrong, names)}`;
  throw new WhetstoneError('INVALID_OPTIONS', message, {
    field: 'template_args',
    hint: 'Its variables stand in chat_template.jinja or tokenizer_config.json of the model.',
  });
}

const asked = (content: string): Message => ({ role: 'user', content });

/** How the template writes an answer; null where it shows none, or takes no turn of an assistant. */
function turnShape(render: RenderChat, tokens: ReadonlySet<string>): TurnShape | null {
  const question = asked('Hello');
  const prompt = (): string => render([question]);
  const finished = (content: string): string =>
    render([question, { role: 'assistant', content }], { opened: false });
  try {
    return findTurn({ prompt, finished }, tokens);
  } catch (error) {
    if (error instanceof WhetstoneError && error.code === 'BAD_CHAT_TEMPLATE') return null;
    throw error;
  }
}

/** The token with which a chat template ends the assistant's turn; null where there is none to be found. */
export function chatTurnEnd(tokenizer: ChatTokenizer): string | null {
  if (tokenizer.chatTemplate === null) return null;
  try {
    const render = conversationTemplate(tokenizer, () => new Date(0));
    const shape = turnShape(render, tokenizer.addedTokens);
    return shape?.closed ? lastToken(shape.after, tokenizer.addedTokens) : null;
  } catch (error) {
    // Whoever uses the template is told what is wrong with it; others have no need of it.
    if (error instanceof WhetstoneError) return null;
    throw error;
  }
}

const lastToken = (text: string, tokens: ReadonlySet<string>): string | null =>
  [...tokens].filter((token) => text.endsWith(token)).sort((a, b) => b.length - a.length)[0] ?? null;

/**
 * The chat template of a tokenizer as a prompt template. Throws what
 * `conversationTemplate` and `requireKnownArgs` throw; a first rendering is tried at once.
 */
export function chatTemplate(tokenizer: ChatTokenizer, now: Date, args: TemplateArgs = {}): PromptTemplate {
  const render = conversationTemplate(tokenizer, () => now, args);
  requireKnownArgs(tokenizer.chatTemplate ?? '', args);
  const renderMessage = (content: string): string => render([asked(content)]);
  requireSaneLength(renderMessage('Hello'));
  const shape = turnShape(render, tokenizer.addedTokens);
  return {
    name: 'chat',
    record: { template: 'chat', ...(Object.keys(args).length > 0 && { template_args: args }) },
    specialTokens: 'template',
    praise: PRAISE,
    conversations: true,
    render: (prompt, judgment) => {
      const messages = judgment === null ? messagesOf(prompt) : judgedMessages(prompt, judgment);
      const text = render(messages);
      requireSystem(messages, text);
      return text;
    },
    renderForewarned: (prompt, said) => {
      const { input: _, ...others } = prompt;
      const messages = messagesOf({
        ...others,
        instruction: forewarnedRequest(instructionWithInput(prompt), said),
      });
      const text = render(messages);
      requireSystem(messages, text);
      return text;
    },
    turn: (response) => (shape === null ? bareTurn(response) : shape.turnOf(response)),
    // One user message each, so that the model's own turn holds nothing but what it is to write.
    renderCritique: (prompt, output) => [renderMessage(critiqueRequest(prompt, output))],
    renderRevision: (prompt, output, judgment) => [renderMessage(revisionRequest(prompt, output, judgment))],
  };
}

/** The conversation with the judgment of the response to come behind what the user says last. */
export function judgedMessages(prompt: PromptText, judgment: string): Message[] {
  const messages = messagesOf(prompt);
  const { role, content } = messages.at(-1)!;
  return [...messages.slice(0, -1), { role, content: content + JUDGED_REQUEST + judgment }];
}

/** Some templates leave a system message out without a word. */
function requireSystem([first]: readonly Message[], text: string): void {
  if (first?.role === 'system' && !text.includes(first.content.trim()))
    throw noPlace("the model's chat template leaves the system message out");
}

/** Characters that a template may write around a short message; those that are in use stay below a tenth of it. */
const mostAround = 1 << 17;

/** Every prompt would have all of it, and take long to tokenize before it is found to fit no model. */
function requireSaneLength({ length }: string): void {
  if (length <= mostAround) return;
  throw new WhetstoneError(
    'BAD_CHAT_TEMPLATE',
    `the model's chat template does too much: it writes ${thousands(length)} characters around a message of one word`,
    { hint: `Use the ${option('template')} alpaca, or the path of a template file.` },
  );
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WhetstoneError) || !Object.hasOwn(ways, error.code)) throw error;
    throw new WhetstoneError(
      'BAD_CHAT_TEMPLATE',
      `the model's chat template ${ways[error.code]}: ${error.message}`,
      {
        hint: `Use the ${option('template')} alpaca, or the path of a template file.`,
        cause: error,
      },
    );
  }
}

/** How a template's errors are told. */
const ways: Readonly<Record<string, string>> = {
  JINJA_SYNTAX: 'cannot be read',
  JINJA_FAILED: 'fails',
  JINJA_RAISED: 'refuses this prompt',
  JINJA_LIMIT: 'does too much',
};

/** The functions that transformers gives to chat templates beside those of jinja2. */
const functions = (now: () => Date): Record<string, Value> => ({
  raise_exception: callable('raise_exception', ([message]) => {
    throw fault('JINJA_RAISED', typeof message === 'string' ? message : 'it gives no reason');
  }),
  strftime_now: callable('strftime_now', ([format]) => {
    if (typeof format !== 'string') throw fault('JINJA_FAILED', 'strftime_now() needs a format');
    return formatTime(now(), format);
  }),
});
