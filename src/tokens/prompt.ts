// What a prompt template is: how an instruction, a response and its judgment become the text before what the
// model writes next. It knows no particular template.
import type { TemplateRecord } from './template-record.ts';
import type { Turn } from './turn.ts';

export interface PromptText {
  readonly instruction: string;
  readonly input?: string | null | undefined;
}

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
  /** The prompt for a response; a judgment of null gives the plain prompt, the one used at inference. */
  render(prompt: PromptText, judgment: string | null): string;
  /** How a response stands behind a prompt of this template, and what ends it; null where it would be changed. */
  turn(response: string): Turn | null;
  /** The prompt for a judgment of a response. Throws `TEMPLATE_LACKS` where the template has none. */
  renderCritique(prompt: PromptText, output: string): PromptPieces;
  /** The prompt for a better response, given one and its judgment. Throws `TEMPLATE_LACKS` likewise. */
  renderRevision(prompt: PromptText, output: string, judgment: string): PromptPieces;
}

/** Instruction and input as one text, joined by one newline where there is an input. */
export function instructionWithInput({ instruction, input }: PromptText): string {
  return input ? `${instruction}\n${input}` : instruction;
}
