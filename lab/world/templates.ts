// The layouts in which the world's model reads and writes text, at pretraining and afterwards alike.
// They are a prompt template as files of `--template` have them.

/** The end token of the world's tokenizer. */
export const END = '</s>';

/**
 * `plain` comes before a response, `with_judgment` before a response that a judgment speaks about, `critique`
 * before a judgment of {output}, `revision` before an improved response. `praise` stands for a judgment that
 * finds a response satisfactory. As in every template {output} stands for a response and the end token that
 * closes it; without that, the model would learn that a judgment follows where a response ends.
 */
export const worldTemplate: {
  readonly plain: string;
  readonly with_judgment: string;
  readonly critique: string;
  readonly revision: string;
  readonly praise: string;
} = {
  plain: 'Instruction: {instruction}\nResponse:\n',
  with_judgment: 'Instruction: {instruction}\nJudgment: {judgment}\nResponse:\n',
  critique: 'Instruction: {instruction}\nResponse:\n{output}\nJudgment:\n',
  revision: 'Instruction: {instruction}\nResponse:\n{output}\nJudgment: {judgment}\nRevision:\n',
  praise: 'Perfect.',
};

/**
 * What shows a judgment and asks for a response in the light of it, without the response that was judged: the layout of a revision
 * with nothing in the response's place. No document has it.
 */
export const worldNextMessage: string = `Instruction: {instruction}\nResponse:\n${END}\nJudgment: {judgment}\nRevision:\n`;
