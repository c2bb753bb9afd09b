// What a prompt template is: how a conversation, a response and its judgment become the text before what the model writes
// next. It knows no particular template.
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import { isConversation } from '../rows/conversation.ts';
import type { PromptText } from '../rows/conversation.ts';
import { plural } from '../words/numbers.ts';
import { option } from '../words/option.ts';
import type { TemplateRecord } from './template-record.ts';
import type { Turn } from './turn.ts';

/**
 * A prompt as pieces of running text; between each piece and the next stands the model's end token.
 *
 * Where a prompt holds a response that something follows, that response is closed by the end token, as it is
 * wherever it stands at the end. Without it a model that reads judgments right after responses learns that a
 * response which was judged has ended: the end token itself is then what a judgment makes likely.
 */
export type PromptPieces = readonly string[];

/** The praise of templates that name no other; by the label rule it marks a row as satisfactory. */
export const PRAISE = 'Perfect.';

export interface PromptTemplate {
  /** `alpaca`, `chat` or the template file's path. */
  readonly name: string;
  /** How to load it again. */
  readonly record: TemplateRecord;
  /**
   * Who writes special tokens such as a BOS. `tokenizer`: its post-processor adds them to the rendered text.
   * `template`: the rendered text already holds them all, as a chat template's does.
   */
  readonly specialTokens: 'tokenizer' | 'template';
  /** What stands for a judgment that finds nothing wrong. */
  readonly praise: string;
  /** Whether it has a place for what was said before the instruction. */
  readonly conversations: boolean;
  /**
   * The prompt for a response; a judgment of null gives the plain prompt, the one used at inference. In a conversation the
   * judgment stands with what the user says last. Throws `NO_PLACE_FOR_TURNS`, here and below.
   */
  render(prompt: PromptText, judgment: string | null): string;
  /**
   * The prompt for a response in the light of what the user said to an earlier one, which is not shown. Templates without a text
   * of their own for that ask in ours; see `forewarnedRequest`.
   */
  renderForewarned(prompt: PromptText, said: string): string;
  /** How a response stands behind a prompt of this template, and what ends it; null where it would be changed. */
  turn(response: string): Turn | null;
  /** The prompt for a judgment of a response. Throws `TEMPLATE_LACKS` where the template has none. */
  renderCritique(prompt: PromptText, output: string): PromptPieces;
  /** The prompt for a better response, given one and its judgment. Throws `TEMPLATE_LACKS` likewise. */
  renderRevision(prompt: PromptText, output: string, judgment: string): PromptPieces;
}

/** What the user says last, with what was said to an earlier response to it, and the request to take that into account. */
export const forewarnedRequest = (instruction: string, said: string): string =>
  `${instruction}\n\nTo an earlier response to this, the following was said:\n\n${said}\n\n` +
  'Respond anew, in the light of it.';

/**
 * Throws `NO_PLACE_FOR_TURNS` for a conversation where the template has a place for an instruction alone; `location` goes
 * to the error.
 */
export function requirePlace(
  { name, conversations }: Pick<PromptTemplate, 'name' | 'conversations'>,
  prompt: PromptText,
  location: Place = {},
): void {
  if (conversations || !isConversation(prompt)) return;
  const earlier = plural(prompt.before!.length, 'message');
  throw noPlace(`the template "${name}" takes one instruction, and ${earlier} were said before it`, location);
}

export const noPlace = (problem: string, location: Place = {}): WhetstoneError =>
  new WhetstoneError('NO_PLACE_FOR_TURNS', problem, {
    ...location,
    hint: `Use the ${option('template')} chat with a model that has a chat template, or leave out what it has no place for.`,
  });

/** What `render` gives; the errors of templates that have no place for a conversation, or refuse it, get its location. */
export function rendered<T>(location: Place, render: () => T): T {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof WhetstoneError && isRefusal(error))) throw error;
    const { code, problem, hint, cause } = error;
    throw new WhetstoneError(code, problem, { ...location, ...(hint !== undefined && { hint }), cause });
  }
}

/** Whether a template takes no such conversation as a row has. */
export const isRefusal = ({ code }: WhetstoneError): boolean =>
  code === 'NO_PLACE_FOR_TURNS' || code === 'BAD_CHAT_TEMPLATE';
