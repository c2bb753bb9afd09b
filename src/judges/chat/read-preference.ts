// From what a judge wrote about two responses to a preference, or to the reason why it is none. Knows no servers.
import type { Unreadable } from './asked-rows.ts';
import { excerpt, withoutFence, withoutThoughts } from './read-reply.ts';
import type { Reply } from './read-reply.ts';

/** Raised whenever the same reply may be read otherwise than before. */
export const preferenceParserVersion = 1;

/**
 * Reads the verdict, which is a line of its own: "Verdict: 1", "Verdict: 2" or "Verdict: draw", in whatever marks. A
 * reply that is nothing but "1", "2" or "draw" will do, and JSON with a verdict or preference. Unreadable are replies
 * without a verdict, with several that differ, refusals, and those that were cut before their verdict.
 */
export function readPreference(reply: Reply): { readonly preference: number } | Unreadable {
  if (reply.refusal) return { unreadable: `the judge refuses: ${excerpt(reply.refusal)}` };
  if (reply.finish === 'content_filter')
    return { unreadable: "the server's content filter stopped the reply" };
  const spoken = withoutThoughts(reply.text);
  if (spoken === null) return { unreadable: 'the reply ended before its thoughts did' };
  if (spoken === '') return { unreadable: 'the reply is empty' };
  const bare = withoutFence(spoken);
  const verdicts = [
    fromJson(bare) ?? ALONE.exec(bare.length > longestVerdict ? '' : unmarked(bare))?.[1],
    ...Array.from(bare.matchAll(LINE), ([line]) => VERDICT.exec(unmarked(line))?.[1]),
  ];
  const found = new Set(verdicts.flatMap((verdict) => preferenceOf(verdict) ?? []));
  const [preference, other] = found;
  if (preference === undefined) {
    return {
      unreadable:
        reply.finish === 'length'
          ? 'the reply was cut before its verdict'
          : `the reply has no verdict: ${excerpt(spoken.slice(-200))}`,
    };
  }
  if (other !== undefined)
    return { unreadable: `the reply has verdicts that differ: ${excerpt(spoken.slice(-200))}` };
  return { preference };
}

/** Characters of a line that could be a verdict, marks included. */
const longestVerdict = 400;
const LINE = /^.{0,300}verdict.{0,100}$/gim;

/** Marks such as ** and quotes become blanks, and blanks one. */
const unmarked = (line: string): string => line.replace(/[\s*_"'“”]+/g, ' ').trim();

const CHOICE = String.raw`(?:the )?(?:(?:response|output|answer) ?(?:# ?)?)?(1|2|draw|tie|equal|neither|both)`;
const VERDICT = new RegExp(
  String.raw`^(?:[#>-] ?)*(?:(?:my|the|final) )*verdict ?(?:[:=-]|is) ?${CHOICE}[ .!]*$`,
  'i',
);
const ALONE = new RegExp(String.raw`^${CHOICE}[ .!]*$`, 'i');

function preferenceOf(verdict: unknown): number[] | undefined {
  if (verdict === undefined || verdict === null) return undefined;
  const text = (
    typeof verdict === 'number' ? String(verdict) : typeof verdict === 'string' ? verdict : ''
  ).toLowerCase();
  if (text === '1' || text === '2') return [Number(text)];
  return ['1.5', 'draw', 'tie', 'equal', 'neither', 'both'].includes(text) ? [1.5] : undefined;
}

function fromJson(text: string): unknown {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  try {
    const { verdict, preference } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return verdict ?? preference;
  } catch {
    return undefined;
  }
}
