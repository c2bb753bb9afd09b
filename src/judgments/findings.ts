// Looks at judged triplets one by one and tells what is suspicious in them. It knows no file and no report.
import { duplicateFinder } from './duplicates.ts';
import { misreadText } from './misread.ts';
import { excerpt, halfCharacterAt } from '../rows/text.ts';
import { labelOf, labelReason, SATISFACTORY_SCORE } from './triplet.ts';
import type { Triplet, TripletSource } from './triplet.ts';
import {
  findsFault,
  isPlaceholder,
  opensWithRejection,
  repetition,
  sameWords,
  templateLeftover,
  toneOf,
} from './wording.ts';

/** "error": training on the row does harm or is impossible. "warning": likely a mistake. "note": worth a look. */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding extends TripletSource {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly field: string;
  readonly message: string;
  /** The text in question, shortened to one line. */
  readonly excerpt: string;
}

/** What each finding means, in the order of reports. */
export const FINDING_TITLES = {
  'invalid-row': 'rows that cannot be read',
  'empty-response': 'empty responses',
  'empty-instruction': 'empty instructions',
  'half-character': 'text that is not Unicode (half of a surrogate pair)',
  'unfit-row': 'responses longer than the cut-off',
  'beyond-context': 'rows longer than the model takes',
  'outside-vocabulary': "tokens outside the model's vocabulary",
  'changed-response': 'responses of which the template makes another text',
  'no-place-for-turns': 'conversations that the template does not take',
  'judgment-cut': 'judgments that the cut-off reaches into',
  'marked-satisfactory': 'errors marked in responses that count as satisfactory',
  'placeholder-judgment': 'judgments that are placeholders of a program',
  'contradicting-judgments': 'the same response judged satisfactory and not',
  'praise-as-critique': 'judgments that only praise, in rows that count as unsatisfactory',
  'critique-as-praise': 'judgments that find fault, in rows that count as satisfactory',
  'low-score-satisfactory': 'rows that count as satisfactory with a low score',
  'blank-judgment': 'judgments of white space, which count as satisfactory',
  'judgment-repeats-response': 'judgments that only repeat the response',
  'judgment-is-instruction': 'judgments equal to the instruction',
  'response-is-instruction': 'responses equal to the instruction',
  'template-leftover': 'pieces of a prompt template or special tokens in the text',
  'broken-character': 'characters lost in an earlier conversion (U+FFFD)',
  'misread-text': 'UTF-8 that was read as Windows-1252 or Latin-1',
  'overlapping-marks': 'marked errors that overlap',
  duplicate: 'exact duplicates',
  'judged-again': 'the same response judged more than once',
  'praise-then-critique': 'judgments that call the response perfect and then find fault',
  'short-judgment': 'critiques of one or two words',
  'empty-mark': 'marks of no character, which stand for something missing',
  'truncated-prompt': 'prompts shortened to the cut-off',
} as const;

export type FindingCode = keyof typeof FINDING_TITLES;

export const SEVERITIES: Readonly<Record<FindingCode, Severity>> = {
  'invalid-row': 'error',
  'empty-response': 'error',
  'empty-instruction': 'warning',
  'half-character': 'error',
  'unfit-row': 'error',
  'beyond-context': 'error',
  'outside-vocabulary': 'error',
  'changed-response': 'error',
  'no-place-for-turns': 'error',
  'judgment-cut': 'error',
  'marked-satisfactory': 'error',
  'placeholder-judgment': 'error',
  'contradicting-judgments': 'warning',
  'praise-as-critique': 'error',
  'critique-as-praise': 'warning',
  'low-score-satisfactory': 'warning',
  'blank-judgment': 'warning',
  'judgment-repeats-response': 'warning',
  'judgment-is-instruction': 'warning',
  'response-is-instruction': 'warning',
  'template-leftover': 'warning',
  'broken-character': 'warning',
  'misread-text': 'warning',
  'overlapping-marks': 'warning',
  duplicate: 'warning',
  'judged-again': 'note',
  'praise-then-critique': 'note',
  'short-judgment': 'note',
  'empty-mark': 'note',
  'truncated-prompt': 'note',
};

/** Share of a judgment's five-word windows found in the response from which on it only repeats the response. */
const REPEATS = 0.8;

/** Looks at the triplets of a file one after the other: everything suspicious in the text of each. */
export function suspicionFinder(): (triplet: Triplet) => Finding[] {
  const duplicateOf = duplicateFinder();
  return (triplet) => {
    const found = suspicionsOf(triplet);
    const duplicate = duplicateOf(triplet);
    if (duplicate === null) return found;
    const code = duplicate.kind === 'contradicting' ? 'contradicting-judgments' : duplicate.kind;
    return [...found, duplicateFinding(code, duplicate.first, triplet)];
  };
}

function duplicateFinding(code: FindingCode, first: Triplet, second: Triplet): Finding {
  const earlier = `row ${first.source.row}${first.source.part === undefined ? '' : `, ${first.source.part}`}`;
  switch (code) {
    case 'contradicting-judgments':
      return finding(
        code,
        second,
        'judgment',
        `${earlier} says the opposite of the same response`,
        second.judgment,
      );
    case 'judged-again':
      return finding(code, second, 'judgment', `${earlier} has another judgment of it`, second.judgment);
    default:
      return finding(code, second, 'output', `${earlier} is the same`, second.output);
  }
}

/** A finding about one triplet. */
export function finding(
  code: FindingCode,
  { source }: Triplet,
  field: string,
  message: string,
  text: string | null,
): Finding {
  return {
    code,
    severity: SEVERITIES[code],
    ...source,
    field,
    message,
    excerpt: excerpt(text ?? ''),
  };
}

/** What is wrong enough with a triplet's texts for it to be refused. */
export const errorsIn = (triplet: Triplet): Finding[] =>
  suspicionsOf(triplet).filter(({ severity }) => severity === 'error');

/** What is suspicious in a triplet's texts, whatever other triplets there are. */
export function suspicionsOf(triplet: Triplet): Finding[] {
  const found: Finding[] = [];
  const report = (code: FindingCode, field: string, message: string, text: string | null): void => {
    found.push(finding(code, triplet, field, message, text));
  };
  const { instruction, input, before, output, judgment } = triplet;
  const emptyResponse = output.trim() === '';
  if (emptyResponse) report('empty-response', 'output', 'there is no response to learn from', instruction);
  if (instruction.trim() === '' && (input ?? '').trim() === '') {
    report('empty-instruction', 'instruction', 'nothing asks for this response', output);
  }
  // Two words, a "yes" or a number may well be asked for and given.
  if (!emptyResponse && instruction.trim().length > 20 && sameWords(output, instruction)) {
    report('response-is-instruction', 'output', 'the response is the instruction', output);
  }
  const said = (before ?? []).map(({ content }, i) => [`messages[${i}].content`, content] as const);
  for (const [field, text] of [...said, ...Object.entries({ instruction, input, output, judgment })]) {
    if (text) reportCharacters(field, text, report);
  }
  if (judgment !== null) reportJudgment(triplet, judgment, report);
  else reportLowScore(triplet, report);
  reportMarks(triplet, report);
  return found;
}

type Report = (code: FindingCode, field: string, message: string, text: string | null) => void;

function reportCharacters(field: string, text: string, report: Report): void {
  const half = halfCharacterAt(text);
  if (half >= 0) report('half-character', field, 'was probably cut inside an emoji', around(text, half));
  const broken = text.indexOf('\ufffd');
  if (broken >= 0)
    report('broken-character', field, 'holds U+FFFD, the replacement character', around(text, broken));
  const misread = misreadText(text);
  if (misread !== null)
    report(
      'misread-text',
      field,
      `reads ${JSON.stringify(misread.was)} where ${JSON.stringify(misread.is)} was meant`,
      around(text, misread.at),
    );
  const leftover = templateLeftover(text);
  if (leftover !== undefined) {
    const at = text.indexOf(leftover);
    report('template-leftover', field, `holds ${JSON.stringify(leftover.trim())}`, around(text, at));
  }
}

function reportMarks(triplet: Triplet, report: Report): void {
  const { output, errors = [] } = triplet;
  if (errors.length === 0) return;
  const text = (start: number, end: number): string => Array.from(output).slice(start, end).join('');
  if (labelOf(triplet) === 'align-p') {
    const found = `${errors.length} marked; remove the marks, or say in "judgment" what is wrong`;
    return report('marked-satisfactory', 'errors', found, text(...errors[0]!));
  }
  let reached = -1;
  const byStart = [...errors.entries()].sort(([, [a]], [, [b]]) => a - b);
  for (const [i, [start, end]] of byStart) {
    if (start === end) report('empty-mark', `errors[${i}]`, `before character ${start + 1}`, output);
    else if (start < reached) {
      const message = `characters ${start + 1} to ${end} are marked in part already`;
      report('overlapping-marks', `errors[${i}]`, message, text(start, end));
    }
    reached = Math.max(reached, end);
  }
}

function around(text: string, at: number): string {
  const start = Math.max(0, at - 30);
  return (start > 0 ? '…' : '') + text.slice(start, at + 60);
}

function reportJudgment(triplet: Triplet, judgment: string, report: Report): void {
  if (judgment === '') return reportLowScore(triplet, report);
  if (judgment.trim() === '') {
    return report('blank-judgment', 'judgment', 'write null for a satisfactory response', triplet.output);
  }
  if (isPlaceholder(judgment)) {
    const counts = labelOf(triplet) === 'align-n' ? 'would count as criticism' : 'says nothing';
    return report('placeholder-judgment', 'judgment', counts, judgment);
  }
  const reason = labelReason(triplet);
  if (reason === 'begins-with-perfect') {
    if (findsFault(judgment)) {
      report('critique-as-praise', 'judgment', 'begins with "Perfect" and then finds fault', judgment);
    }
    reportLowScore(triplet, report);
  } else if (reason === 'score') {
    if (opensWithRejection(judgment)) {
      report(
        'critique-as-praise',
        'judgment',
        `rejects the response, yet the score is ${triplet.score}`,
        judgment,
      );
    }
  } else {
    reportCritique(triplet, judgment, report);
  }
}

function reportCritique({ instruction, output }: Triplet, judgment: string, report: Report): void {
  const tone = toneOf(judgment);
  if (tone === 'praise') report('praise-as-critique', 'judgment', 'finds no fault', judgment);
  if (tone === 'mixed') {
    report('praise-then-critique', 'judgment', 'calls the response perfect and then finds fault', judgment);
  }
  if (sameWords(judgment, instruction)) {
    return report('judgment-is-instruction', 'judgment', 'is the instruction again', judgment);
  }
  const repeated = sameWords(judgment, output) ? 1 : repetition(judgment, output, REPEATS);
  if (repeated >= REPEATS) {
    const share = `${Math.round(repeated * 100)}% of it stands in the response`;
    return report('judgment-repeats-response', 'judgment', share, judgment);
  }
  if (tone === 'other' && isVeryShort(judgment)) {
    report('short-judgment', 'judgment', 'says little about what is wrong', judgment);
  }
}

// Scripts without spaces between words say a lot in few letters, so only spaced text is counted.
function isVeryShort(judgment: string): boolean {
  if (judgment.length > 200) return false;
  const words = judgment.match(/[\p{L}\p{N}]+/gu) ?? [];
  return (
    words.length <= 2 &&
    !/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}]/u.test(judgment)
  );
}

// The middle of a scale that ends at 10; between this and 7 opinions differ.
const LOW_SCORE = 4;

function reportLowScore(triplet: Triplet, report: Report): void {
  const { score } = triplet;
  if (score === undefined || score > LOW_SCORE || score >= SATISFACTORY_SCORE) return;
  report(
    'low-score-satisfactory',
    'score',
    `the score is ${score}, but no judgment finds fault`,
    triplet.output,
  );
}
