// The model's own chat template as a prompt template: one user message, then the turn of the assistant.
// It does not know tokens or where templates are kept.
import { WhetstoneError } from '../errors.ts';
import type { Value } from '../jinja/index.ts';
import { callable, compileTemplate, fault, fromJson } from '../jinja/index.ts';
import type { PromptTemplate, PromptText } from './prompt.ts';
import { instructionWithInput, PRAISE } from './prompt.ts';
import { formatTime } from './strftime.ts';
import type { Tokenizer } from './tokenizer.ts';
import { option } from '../words/option.ts';

/** What stands between instruction and judgment in the user message of a judged prompt. */
export const JUDGED_REQUEST = '\n\nWrite a response that deserves the following judgment.\n\nJudgment: ';

/** The user message of a critique prompt and of a revision prompt. Responses in it are quoted, not spoken. */
const critiqueRequest = (prompt: PromptText, output: string): string =>
  'Say what is wrong with the response to the following instruction, if anything is.\n\n' +
  `Instruction: ${instructionWithInput(prompt)}\n\nResponse: ${output}`;
const revisionRequest = (prompt: PromptText, output: string, judgment: string): string =>
  'Write a better response to the following instruction, one that the judgment of this response would find no ' +
  `fault with. Write nothing else.\n\nInstruction: ${instructionWithInput(prompt)}\n\nResponse: ${output}\n\n` +
  `Judgment: ${judgment}`;

/** One turn of a conversation. Which roles and orders there may be is the template's choice. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/**
 * Renders a conversation by a tokenizer's chat template, up to where the assistant's next turn begins; `now` gives
 * what its `strftime_now` tells. The text holds every special token itself. Throws `NO_CHAT_TEMPLATE`, or
 * `BAD_CHAT_TEMPLATE` where the template cannot be parsed; the function, where the template raises.
 */
export function conversationTemplate(
  tokenizer: Pick<Tokenizer, 'chatTemplate' | 'specialTokens'>,
  now: () => Date,
): (messages: readonly ChatMessage[]) => string {
  const source = tokenizer.chatTemplate;
  if (source === null) {
    throw new WhetstoneError('NO_CHAT_TEMPLATE', 'the model has no chat template', {
      hint: `Use the ${option('template')} alpaca, or the path of a template file; base models have seldom a template of their own.`,
    });
  }
  const template = attempt(() => compileTemplate(source));
  const fixed = {
    ...valuesOf(tokenizer.specialTokens),
    tools: null,
    documents: null,
    add_generation_prompt: true,
  };
  return (messages) =>
    attempt(() => {
      const spoken = messages.map(({ role, content }) => fromJson({ role, content }));
      return template({ ...functions(now), ...fixed, messages: spoken });
    });
}

const valuesOf = (fields: Readonly<Record<string, unknown>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromJson(value)]));

/**
 * The chat template of a tokenizer as a prompt template: the instruction is the only message. Throws what
 * `conversationTemplate` throws; a first rendering is tried at once.
 */
export function chatTemplate(
  tokenizer: Pick<Tokenizer, 'chatTemplate' | 'specialTokens'>,
  now: Date,
): PromptTemplate {
  const render = conversationTemplate(tokenizer, () => now);
  const renderMessage = (content: string): string => render([{ role: 'user', content }]);
  renderMessage('Hello');
  return {
    name: 'chat',
    specialTokens: 'template',
    praise: PRAISE,
    render: (prompt, judgment) => {
      const instruction = instructionWithInput(prompt);
      return renderMessage(judgment === null ? instruction : instruction + JUDGED_REQUEST + judgment);
    },
    // One user message each, so that the model's own turn holds nothing but what it is to write.
    renderCritique: (prompt, output) => [renderMessage(critiqueRequest(prompt, output))],
    renderRevision: (prompt, output, judgment) => [renderMessage(revisionRequest(prompt, output, judgment))],
  };
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
