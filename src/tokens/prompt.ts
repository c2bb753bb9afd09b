// What a prompt template is: how an instruction, and a judgment if there is one, become the text before a
// response. It knows no particular template.

export interface PromptText {
  readonly instruction: string;
  readonly input?: string | null | undefined;
}

export interface PromptTemplate {
  /** `alpaca`, `chat` or the template file's path. */
  readonly name: string;
  /**
   * Who writes special tokens such as a BOS. `tokenizer`: its post-processor adds them to the rendered text.
   * `template`: the rendered text already holds them all, as a chat template's does.
   */
  readonly specialTokens: 'tokenizer' | 'template';
  /** The prompt for a response; a judgment of null gives the plain prompt, the one used at inference. */
  render(prompt: PromptText, judgment: string | null): string;
}

/** Instruction and input as one text, joined by one newline where there is an input. */
export function instructionWithInput({ instruction, input }: PromptText): string {
  return input ? `${instruction}\n${input}` : instruction;
}
