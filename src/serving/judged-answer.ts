// Answers and conversations of a server as what judgments are about. Knows messages, no request.
import type { Answer } from '../learning/index.ts';
import type { Message, PromptFields } from '../rows/conversation.ts';
import { promptOfTurns } from '../rows/read-prompt.ts';

/** An answer as what is judged. */
export const judgedAnswer = ({
  id,
  choice: _,
  version,
  ...exchange
}: Answer): Omit<Answer, 'id' | 'choice'> & { readonly answer: string } => ({
  ...exchange,
  version,
  answer: id,
});

/** Null where messages are no conversation that could be learned from: user and assistant in turn, the user last. */
export function promptInTurn(messages: readonly Message[]): PromptFields | null {
  const said = messages[0]?.role === 'system' ? messages.slice(1) : messages;
  const inTurn = said.every(({ role }, i) => role === (i % 2 === 0 ? 'user' : 'assistant'));
  return inTurn && said.length % 2 === 1 ? promptOfTurns(messages) : null;
}
