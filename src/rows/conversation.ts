// What a response responds to: a conversation, which for a single instruction is one message. Knows texts, no file and no
// template.
import { requireUnicode } from './unicode.ts';
import type { Place } from '../errors.ts';

export type Role = 'system' | 'user' | 'assistant';

/** Roles by the names that chats give them; those of tools are none of them. */
export const roles: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};

export const roleNamed = (name: string): Role | undefined =>
  Object.hasOwn(roles, name) ? roles[name] : undefined;

/** What someone said. */
export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** What the user said last, and what was said before it. */
export interface PromptText {
  readonly instruction: string;
  /** Further text that the instruction is about. */
  readonly input?: string | null | undefined;
  /**
   * What was said before the instruction: perhaps a system message, then user and assistant in turn, the assistant last.
   * Absent and empty mean the same.
   */
  readonly before?: readonly Message[] | undefined;
}

/** Instruction and input as one text, joined by one newline where there is an input. */
export function instructionWithInput({
  instruction,
  input,
}: Pick<PromptText, 'instruction' | 'input'>): string {
  return input ? `${instruction}\n${input}` : instruction;
}

/** The whole conversation that a response responds to; the user has the last word. */
export const messagesOf = (prompt: PromptText): Message[] => [
  ...(prompt.before ?? []),
  { role: 'user', content: instructionWithInput(prompt) },
];

/** Whether anything was said before the instruction. */
export const isConversation = ({ before }: Pick<PromptText, 'before'>): boolean => (before ?? []).length > 0;

/** Who speaks, in words. */
const speakers: Readonly<Record<Role, string>> = { system: 'System', user: 'User', assistant: 'Assistant' };

/** What people and judges read: the instruction with its input, or every message with who said it. */
export const conversationText = (prompt: PromptText): string =>
  isConversation(prompt)
    ? messagesOf(prompt)
        .map(({ role, content }) => `${speakers[role]}: ${content}`)
        .join('\n\n')
    : instructionWithInput(prompt);

/** The fields of a prompt alone, out of a record that has more. */
export const promptOf = ({ instruction, input, before }: PromptText): PromptFields => ({
  instruction,
  ...(input != null && { input }),
  ...(before !== undefined && before.length > 0 && { before }),
});

export type PromptFields = Pick<PromptText, 'instruction'> & {
  readonly input?: string;
  readonly before?: readonly Message[];
};

/** The fields of a prompt as rows that others read have them: the whole conversation in `messages`, where it is one. */
export const promptRow = (prompt: PromptText): PromptRow => {
  const { instruction, input } = promptOf(prompt);
  return {
    instruction,
    ...(input !== undefined && { input }),
    ...(isConversation(prompt) && { messages: messagesOf(prompt) }),
  };
};

export interface PromptRow {
  readonly instruction: string;
  readonly input?: string;
  readonly messages?: readonly Message[];
}

/** What makes two prompts the same, as parts of a key; that of a single instruction has two. */
export const promptKey = ({ instruction, input, before = [] }: PromptText): readonly unknown[] => [
  instruction,
  input ?? '',
  ...(before.length > 0 ? [before] : []),
];

/** Throws `LONE_SURROGATE` that names the message. */
export function requireUnicodeMessages(before: readonly Message[] = [], location: Place = {}): void {
  for (const [i, { content }] of before.entries())
    requireUnicode(content, { ...location, field: `messages[${i}].content` });
}
