// The rule-based judge: finds every error in any text that is given as a task's answer, and writes a critique.
// It knows the accepted answers, not how the corpus or a model came to write one.
import type { Random } from '../../src/random.ts';
import { codePointLength } from '../../src/tokens/index.ts';
import { writeCritique } from './critique.ts';
import type { Flaw, Frame, Kind } from './family.ts';
import { sharedStart } from './family.ts';
import { CLOSINGS, GREETINGS, widen } from './style.ts';
import type { Task } from './task.ts';
import { escapeRegExp, familyOf } from './task.ts';

/** An error in an answer. */
export interface AnswerError {
  readonly kind: Kind;
  /**
   * Code points of the answer, half-open: from the first character that no right answer has there to the end
   * of the wrong words. Where words are missing it is the word or mark that stands in their place; an empty span
   * at the answer's end means that it ended too soon (the end token is wrong).
   */
  readonly start: number;
  readonly end: number;
  /** The wrong words, if a critique can quote them. */
  readonly found: string | null;
  /** What would be right there, in words; empty where nothing should stand there. */
  readonly wanted: string;
}

export interface Verdict {
  readonly satisfactory: boolean;
  /** A critique that names the first two errors at most; null if the answer is satisfactory. */
  readonly judgment: string | null;
  /** In the order of their starts. */
  readonly errors: readonly AnswerError[];
}

/**
 * Judges any text as an answer to a task. `random` chooses among wordings of the critique, and whether it
 * tells the right answer (about one time in three); errors do not depend on it. Never throws for any `answer`.
 */
export function judge(task: Task, answer: string, random: Random): Verdict {
  const errors = findErrors(task, answer);
  if (errors.length === 0) return { satisfactory: true, judgment: null, errors };
  return { satisfactory: false, judgment: writeCritique(task, errors.slice(0, 2), random), errors };
}

/** The errors of an answer, in order; none if it is satisfactory. White space around the answer is ignored. */
export function findErrors(task: Task, answer: string): AnswerError[] {
  const { frames } = familyOf(task).solve(task.values, task.form);
  if (frames.some((frame) => spelled(frame) === answer)) return [];
  const readings = frames.map((frame) => readFrame(frame, answer)).filter((flaws) => flaws !== null);
  // The reading that finds least to object to; among equals the corpus's own phrasing.
  const best = readings.sort((a, b) => a.length - b.length)[0] ?? readOther(frames, answer);
  return best
    .map((flaw) => ({ ...flaw, ...widen(answer, flaw.start, flaw.end) }))
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map(({ kind, start, end, found, wanted }) => ({
      kind,
      start: codePointLength(answer.slice(0, start)),
      end: codePointLength(answer.slice(0, end)),
      found,
      wanted,
    }));
}

const GREETING = `(?:${GREETINGS.map(escapeRegExp).join('|')}|Hey!|Hello\\.|Sure\\.|Of course!)`;

function framePattern(frame: Frame): RegExp {
  const body = frame.map((part, i) => {
    if (typeof part !== 'string') return `(${part.pattern})`;
    return i === 0 ? eitherCase(part) : escapeRegExp(part);
  });
  return new RegExp(`^(\\s*)(${GREETING}\\s*)?${body.join('')}(?:(\\.)(?:\\s+(\\S[^]*?))?)?\\s*$`, 'du');
}

function eitherCase(text: string): string {
  const first = text.charAt(0);
  if (first.toLowerCase() === first.toUpperCase()) return escapeRegExp(text);
  return `[${first.toLowerCase()}${first.toUpperCase()}]${escapeRegExp(text.slice(1))}`;
}

/** The flaws of an answer that has a frame's shape; null if it has not. Offsets in UTF-16 units. */
function readFrame(frame: Frame, answer: string): Flaw[] | null {
  // A look at the literal words spares most frames the regular expression.
  if (!frame.every((part, i) => typeof part !== 'string' || answer.includes(part.slice(i === 0 ? 1 : 0))))
    return null;
  const match = framePattern(frame).exec(answer);
  if (!match?.indices) return null;
  const flaws: Flaw[] = [];
  const [, space = '', greeting = ''] = match;
  const begin = space.length + greeting.length;
  if (greeting !== '') {
    const end = space.length + greeting.trimEnd().length;
    flaws.push({ kind: 'greeting', start: space.length, end, found: null, wanted: '' });
  }
  let group = 3;
  for (const part of frame) {
    if (typeof part === 'string') continue;
    const [start] = match.indices[group]!;
    const flawsHere = part.diagnose(match[group]!);
    flaws.push(...flawsHere.map((flaw) => ({ ...flaw, start: start + flaw.start, end: start + flaw.end })));
    group++;
  }
  const lower = typeof frame[0] === 'string' && answer.charAt(begin) !== frame[0].charAt(0);
  if (lower) flaws.push(lowerCase(answer, begin));
  const stop = match.indices[group];
  if (!stop)
    flaws.push({ kind: 'unfinished', start: answer.length, end: answer.length, found: null, wanted: '.' });
  const tail = match[group + 1];
  if (tail !== undefined) {
    const [start] = match.indices[group + 1]!;
    const closing = CLOSINGS.some((words) => words === tail);
    flaws.push({
      kind: closing ? 'closing' : 'extra-text',
      start,
      end: start + tail.length,
      found: null,
      wanted: '',
    });
  }
  return flaws;
}

function lowerCase(answer: string, begin: number): Flaw {
  const word = /^[\p{L}'’-]+/u.exec(answer.slice(begin))?.[0] ?? '';
  const wanted = word.charAt(0).toUpperCase() + word.slice(1);
  return { kind: 'lower-case', start: begin, end: begin + word.length, found: null, wanted };
}

/** The flaws of an answer without the shape of any frame: it is wrong from where it leaves the nearest one. */
function readOther(frames: readonly Frame[], answer: string): Flaw[] {
  const space = answer.length - answer.trimStart().length;
  const body = answer.trim();
  if (body === '')
    return [{ kind: 'empty', start: answer.length, end: answer.length, found: null, wanted: '' }];
  const greeting = new RegExp(`^${GREETING}\\s*`).exec(body)?.[0] ?? '';
  const begin = space + greeting.length;
  const rest = body.slice(greeting.length);
  const flaws: Flaw[] = [];
  if (greeting !== '') {
    const end = space + greeting.trimEnd().length;
    flaws.push({ kind: 'greeting', start: space, end, found: null, wanted: '' });
  }
  const raised = rest.charAt(0).toUpperCase() + rest.slice(1);
  const candidates = frames.map(spelled);
  const capital = candidates.some((text) => sharedStart(text, raised) > sharedStart(text, rest));
  const text = capital ? raised : rest;
  if (capital) flaws.push(lowerCase(answer, begin));
  const shared = Math.max(...candidates.map((candidate) => sharedStart(candidate, text)));
  const unfinished = shared === rest.length;
  const start = begin + shared;
  flaws.push({
    kind: unfinished ? 'unfinished' : 'garbled',
    start: unfinished ? answer.length : start + /^\s*/.exec(rest.slice(shared))![0].length,
    end: unfinished ? answer.length : space + body.length,
    found: null,
    wanted: candidates[0]!,
  });
  return flaws;
}

/** The right answer in a frame's phrasing. */
function spelled(frame: Frame): string {
  return `${frame.map((part) => (typeof part === 'string' ? part : part.right)).join('')}.`;
}
