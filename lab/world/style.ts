// What the families share: words that answers should not have around them, first letters, spans of what is missing.
import type { Frame } from './family.ts';

export const GREETINGS = ['Hello!', 'Hi!', 'Sure!'] as const;
export const CLOSINGS = ['I hope this helps!', 'Have a nice day!', 'Just ask me for more.'] as const;

/** Whether the corpus may write the frame's first word in lower case: a common word, not a name or a slot. */
export function lowerable(frame: Frame): boolean {
  const [first] = frame;
  return typeof first === 'string' && /^(The|There|It|A|An|They|Some|In) /.test(first);
}

/**
 * An empty span marks that something is missing there. It is widened to the next word or mark, which is what
 * stands where the missing words should; at the end of the text it stays empty: the text ended too soon.
 */
export function widen(text: string, start: number, end: number): { start: number; end: number } {
  if (end > start) return { start, end };
  const next = /^\s*(?:[\p{L}\p{N}'’-]+|[^\s])/u.exec(text.slice(start))?.[0] ?? '';
  const space = next.length - next.trimStart().length;
  return next === '' ? { start, end } : { start: start + space, end: start + next.length };
}
