// The model's own chat template as a prompt template: one user message, then the turn of the assistant.
// It does not know tokens or where templates are kept.
import * as jinja from '@huggingface/jinja';
import { WhetstoneError } from '../errors.ts';
import type { PromptTemplate, PromptText } from './prompt.ts';
import { instructionWithInput, PRAISE } from './prompt.ts';
import type { Tokenizer } from './tokenizer.ts';

// The package's type files import each other without extensions, which TypeScript cannot follow in ESM.
interface Scope {
  set(name: string, value: unknown): unknown;
}
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly Environment: new () => Scope;
  readonly Interpreter: new (scope: Scope) => { run(program: unknown): { readonly value: unknown } };
  readonly parse: (tokens: unknown) => unknown;
  readonly tokenize: (source: string, options: Readonly<Record<string, boolean>>) => unknown;
};

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
      hint: 'Use --template alpaca, or the path of a template file; base models have seldom a template of their own.',
    });
  }
  const program = attempt('cannot be parsed', () =>
    parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })),
  );
  return (messages) =>
    attempt('failed', () => {
      const scope = new Environment();
      for (const [name, value] of Object.entries({ ...globals(now()), ...tokenizer.specialTokens })) {
        scope.set(name, value);
      }
      scope.set(
        'messages',
        messages.map(({ role, content }) => ({ role, content })),
      );
      scope.set('add_generation_prompt', true);
      scope.set('tools', null);
      scope.set('documents', null);
      return String(new Interpreter(scope).run(program).value);
    });
}

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

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new WhetstoneError('BAD_CHAT_TEMPLATE', `the model's chat template ${what}: ${message}`, {
      hint: 'Use --template alpaca, or the path of a template file.',
      cause: error,
    });
  }
}

/** The functions and constants that transformers gives to chat templates. */
function globals(now: Date): Record<string, unknown> {
  return {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    raise_exception: (message: unknown): never => {
      throw new Error(`it refuses this prompt: ${String(message)}`);
    },
    range: (first: number, stop?: number, step = 1): number[] => {
      const [from, to] = stop === undefined ? [0, first] : [first, stop];
      if (step === 0) throw new Error('range() needs a step other than 0');
      return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
    },
    strftime_now: (format: string): string => formatTime(now, format),
  };
}

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Python's strftime in the C locale and local time; a directive that it does not know stays as it is. */
export function formatTime(time: Date, format: string): string {
  const month = MONTHS[time.getMonth()] ?? '';
  const day = DAYS[time.getDay()] ?? '';
  const year = time.getFullYear();
  const hour12 = time.getHours() % 12 || 12;
  const daysBefore = Date.UTC(year, time.getMonth(), time.getDate()) - Date.UTC(year, 0, 1);
  // [value, width, padding] for numbers, text for names.
  const directives: Readonly<Record<string, string | readonly [number, number, string?]>> = {
    Y: [year, 4],
    y: [year % 100, 2],
    m: [time.getMonth() + 1, 2],
    d: [time.getDate(), 2],
    e: [time.getDate(), 2, ' '],
    j: [daysBefore / 86_400_000 + 1, 3],
    H: [time.getHours(), 2],
    I: [hour12, 2],
    M: [time.getMinutes(), 2],
    S: [time.getSeconds(), 2],
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    p: time.getHours() < 12 ? 'AM' : 'PM',
    '%': '%',
  };
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
    const value = directives[letter];
    if (value === undefined) return whole;
    if (typeof value === 'string') return value;
    const [number, width, padding = '0'] = value;
    return bare ? String(number) : String(number).padStart(width, padding);
  });
}
