// The corpus's answers: right ones, and ones with the world's systematic mistakes.
// It knows how often which mistake is made; it does not judge.
import type { Random } from '../../src/random.ts';
import type { Flaw, Frame, Kind, Mistake, Slot, Style } from './family.ts';
import { pick } from './family.ts';
import { CLOSINGS, GREETINGS, lowerable, widen } from './style.ts';
import type { Task } from './task.ts';
import { familyOf } from './task.ts';

/** How often the corpus makes the typical mistake of a hard slot. CUT's lambda has to stay below its inverse. */
export const TYPICAL_RATE = 0.6;
/** How often a slot or a style goes wrong where no mistake is typical. */
export const STRAY_RATE = 0.02;

/** An error in a written answer: UTF-16 units, half-open. */
export interface WrittenError {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

export interface WrittenAnswer {
  readonly text: string;
  readonly errors: readonly WrittenError[];
}

/** What one answer gets wrong. */
interface Plan {
  /** Slot number to mistake. */
  readonly slots: ReadonlyMap<number, Mistake>;
  readonly styles: ReadonlySet<Style>;
}

/** The right answer in the corpus's phrasing. */
export function rightAnswer(task: Task): string {
  return write(frameOf(task), { slots: new Map(), styles: new Set() }, task.form).text;
}

/** An answer as the corpus has them: the typical mistake at `TYPICAL_RATE`, others at `STRAY_RATE`. */
export function corpusAnswer(task: Task, random: Random): WrittenAnswer {
  const frame = frameOf(task);
  const typical = typicalOf(task);
  const slots = new Map<number, Mistake>();
  for (const [i, slot] of slotsOf(frame).entries()) {
    const usual = slot.mistakes.filter(({ kind }) => kind === typical.content);
    const strays = slot.mistakes.filter(({ kind }) => kind !== typical.content);
    if (usual.length > 0 && random.float() < TYPICAL_RATE) slots.set(i, usual[0]!);
    else if (strays.length > 0 && random.float() < STRAY_RATE) slots.set(i, pick(strays, random));
  }
  const styles = new Set<Style>();
  for (const style of stylesOf(frame)) {
    if (random.float() < (style === typical.style ? TYPICAL_RATE : STRAY_RATE)) styles.add(style);
  }
  return write(frame, { slots, styles }, task.form);
}

/** The corpus's most usual wrong answer: every mistake that is typical of the task; null where none is. */
export function typicalAnswer(task: Task): WrittenAnswer | null {
  const frame = frameOf(task);
  const typical = typicalOf(task);
  const slots = new Map<number, Mistake>();
  for (const [i, slot] of slotsOf(frame).entries()) {
    const usual = slot.mistakes.find(({ kind }) => kind === typical.content);
    if (usual) slots.set(i, usual);
  }
  const styles = new Set(stylesOf(frame).filter((style) => style === typical.style));
  if (slots.size === 0 && styles.size === 0) return null;
  return write(frame, { slots, styles }, task.form);
}

/** An answer whose only error is one that the corpus rarely makes there, each equally likely. */
export function strayAnswer(task: Task, random: Random): WrittenAnswer {
  const frame = frameOf(task);
  const typical = typicalOf(task);
  const options: Plan[] = [
    ...slotsOf(frame).flatMap((slot, i) =>
      slot.mistakes
        .filter(({ kind }) => kind !== typical.content)
        .map((mistake): Plan => ({ slots: new Map([[i, mistake]]), styles: new Set() })),
    ),
    ...stylesOf(frame)
      .filter((style) => style !== typical.style)
      .map((style): Plan => ({ slots: new Map(), styles: new Set([style]) })),
  ];
  return write(frame, pick(options, random), task.form);
}

/** The mistakes that the corpus typically makes in answering a task; null where it makes none. */
export function typicalOf(task: Task): { content: Kind | null; style: Style | null } {
  const family = familyOf(task);
  const content = family.solve(task.values, task.form).typical;
  return { content, style: family.forms[task.form]?.style ?? null };
}

const frameOf = (task: Task): Frame => familyOf(task).solve(task.values, task.form).frames[0];
const slotsOf = (frame: Frame): Slot[] => frame.filter((part) => typeof part !== 'string');

function stylesOf(frame: Frame): Style[] {
  return lowerable(frame) ? ['lower-case', 'greeting', 'closing'] : ['greeting', 'closing'];
}

// The form decides which greeting or closing it is: a mistake is typical only if its words are the likely ones.
function write(frame: Frame, plan: Plan, form: number): WrittenAnswer {
  const errors: Pick<Flaw, 'kind' | 'start' | 'end'>[] = [];
  let text = '';
  if (plan.styles.has('greeting')) {
    text = GREETINGS[form % GREETINGS.length]!;
    errors.push({ kind: 'greeting', start: 0, end: text.length });
    text += ' ';
  }
  const begin = text.length;
  let slot = 0;
  for (const part of frame) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const mistake = plan.slots.get(slot++);
    if (mistake)
      errors.push({ ...mistake, start: text.length + mistake.start, end: text.length + mistake.end });
    text += mistake?.text ?? part.right;
  }
  if (plan.styles.has('lower-case')) {
    text = text.slice(0, begin) + text.charAt(begin).toLowerCase() + text.slice(begin + 1);
    errors.push({ kind: 'lower-case', start: begin, end: begin + /^\w+/.exec(text.slice(begin))![0].length });
  }
  text += '.';
  if (plan.styles.has('closing')) {
    const closing = CLOSINGS[form % CLOSINGS.length]!;
    errors.push({ kind: 'closing', start: text.length + 1, end: text.length + 1 + closing.length });
    text += ` ${closing}`;
  }
  return {
    text,
    errors: errors
      .map(({ kind, start, end }) => ({ kind, ...widen(text, start, end) }))
      .sort((a, b) => a.start - b.start || a.end - b.end),
  };
}
