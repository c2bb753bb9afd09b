// Reads the tone of English judgments: praise, criticism, placeholders. Word patterns, tuned to be right when they
// speak rather than to find everything; other languages pass unnoticed. It knows nothing of rows.

/** How a judgment reads. `mixed` opens with full praise ("is perfect") and then finds fault. */
export type Tone = 'praise' | 'mixed' | 'other';

const SUBJECT = String.raw`(?:(?:the|this|your|its?|an?)\s+)?(?:[\w'’-]+\s+){0,2}?(?:response|answer|output|reply|solution|summary|translation|completion|text|explanation|code|result|work|job|it|this|assistant|respondent|model|ai)`;
const PRAISING = String.raw`(?:perfect|flawless|excellent|outstanding|impeccable|spot[- ]on|faultless|ideal)`;
const APPROVING = String.raw`(?:correct|accurate|great|good|right|fine|satisfactory|comprehensive|complete|helpful|appropriate|clear|detailed|well[- ](?:written|structured|done|crafted))`;
const DEGREE = String.raw`(?:(?:absolutely|completely|totally|entirely|very|really|quite|also|both|all|just|simply|truly|already)\s+)*`;

/** "The response is perfect", "Your answer was absolutely flawless", "Perfect answer". */
const FULL_PRAISE = new RegExp(
  String.raw`^(?:${SUBJECT}\s+(?:is|was|are|looks|seems)\s+${DEGREE}${PRAISING}\b|(?:an?\s+)?${PRAISING}\s*(?:[.!]|$|(?:response|answer|work|job|summary|solution)\b))`,
  'iu',
);
/** "The response is correct", "Great answer", "Well done". */
const APPROVAL = new RegExp(
  String.raw`^(?:${SUBJECT}\s+(?:is|was|are|looks|seems)\s+${DEGREE}${APPROVING}\b|(?:an?\s+)?(?:very\s+)?${APPROVING}\s*(?:[.!,]|$|(?:response|answer|work|job|summary|solution)\b)|(?:well|nicely)\s+done\b|lgtm\b|(?:(?:that|all|everything)\s+)?(?:looks|seems|sounds)\s+${DEGREE}${APPROVING}\b|(?:yes,?\s+)?(?:that(?:'|’)s|that is)\s+(?:right|correct|perfect)\b)`,
  'iu',
);
/** "No issues", "There are no errors", "Nothing to improve", "I have no complaints". */
const NOTHING_WRONG = new RegExp(
  String.raw`^(?:(?:there\s+(?:is|are|were|was)|i\s+(?:have|found|see|find)|${SUBJECT}\s+(?:has|have|contains))\s+)?(?:no|not\s+any|zero|nothing)\s+(?:[\w-]+\s+){0,2}?(?:issues?|errors?|mistakes?|problems?|complaints?|flaws?|criticisms?|feedback|wrong|to\s+(?:improve|correct|fix|change|criticise|criticize|add))\b`,
  'iu',
);

// A turn of the argument, or fault that is laid at the response: enough to take back even "is perfect".
const TURN =
  /\b(?:but|however|although|though|except|unfortunately|nevertheless|nonetheless|yet|aside from|apart from|other than|only (?:issue|problem|mistake|error|thing)|could (?:be|have|use)|should (?:be|have|not)|would (?:be|have been) (?:better|more|improved|helpful)|(?:better|correct|improved|corrected|accurate|suitable|appropriate) (?:response|answer|version|output|sentence|solution) (?:would|should|could|might|is)|needs? to|until (?:it|the|you|they)|room for improvement|(?:response|answer|assistant|respondent|output|model|ai|[.!?;,]\s+it) (?:also )?(?:does not|doesn['’]t|did not|didn['’]t|is not|isn['’]t|was not|wasn['’]t|fails?|failed|lacks?|misses|missed|omits?|omitted|ignores?|ignored|incorrectly|wrongly|mistakenly))\b/iu;

// Any word of fault: enough to take back mild approval such as "is correct".
const FAULT =
  /\b(?:not|cannot|can['’]t|never|no longer|[a-z]+n['’]t|without|wrong|wrongly|incorrect|incorrectly|inaccurate|mistakes?|mistaken|errors?|missing|misses|missed|lacks?|lacking|fails?|failed|unnecessary|unneeded|redundant|irrelevant|instead|rather than|should|could|would|might|may be|needs?|until|only|too|slightly|somewhat|partially|partly|mostly|almost|nearly|otherwise|still|if|despite|while|even though|incomplete|unclear|confusing|vague|repeats?|repeated|repetitive|misleading|false|contradicts?|omits?|omitted|ignores?|exceeds?|more|better|less|lower|extra|additional|adds?)\b/iu;

// "no mistakes", "without any errors", "nothing wrong" are not faults.
const DENIED_FAULT =
  /\b(?:no|not any|without(?: any)?|free (?:of|from)(?: any)?|nothing|zero|n['’]t (?:contain|have|find|see)(?: any)?|does not (?:contain|have)(?: any)?)\s+(?:[\w-]+\s+){0,2}?(?:mistakes?|errors?|issues?|problems?|flaws?|wrong|missing|unnecessary (?:information|details?|words?)|(?:to |needs? |need to be )(?:improved?|corrected?|fix(?:ed)?|changed?|add(?:ed)?))\b/giu;

// "It correctly points out what is missing" credits the response with seeing a fault elsewhere.
const CREDITED =
  /\b(?:correctly|accurately|rightly|clearly|effectively|successfully)\s+\w+(?:s|ed)\b.*?(?=[.;!?]|,?\s+(?:but|however|although|though|yet|except)\b|$)/giu;

/** Characters of a judgment in which its tone shows: some of the patterns take long for very long texts. */
const mostRead = 10_000;

/** Whether a judgment praises the response as a whole and finds no fault with it. */
export function toneOf(judgment: string): Tone {
  const text = judgment.slice(0, mostRead).trim();
  const remainder = text.replace(DENIED_FAULT, ' ');
  if (FULL_PRAISE.test(text)) return TURN.test(remainder) ? 'mixed' : 'praise';
  if (APPROVAL.test(text) || NOTHING_WRONG.test(text)) {
    const doubtful = TURN.test(remainder) || FAULT.test(remainder.replace(CREDITED, ' '));
    return doubtful ? 'other' : 'praise';
  }
  return 'other';
}

/** Whether a judgment that counts as satisfactory, because it begins with "Perfect", goes on to find fault. */
export function findsFault(judgment: string): boolean {
  return TURN.test(judgment.slice(0, mostRead).replace(DENIED_FAULT, ' '));
}

/** Whether a judgment opens by rejecting the response: "The response is incorrect". */
export function opensWithRejection(judgment: string): boolean {
  return REJECTION.test(judgment);
}

const REJECTION = new RegExp(
  String.raw`^\s*(?:${SUBJECT}\s+(?:is|was|are)\s+${DEGREE}(?:wrong|incorrect|inaccurate|false|not\s+correct|unsatisfactory|irrelevant|useless|unhelpful|off[- ]topic|nonsens\w*)\b|(?:wrong|incorrect)\s*(?:[.!,]|$|answer\b))`,
  'iu',
);

const PLACEHOLDER =
  /^[\s"'`([{<]*(?:\$?\s*errors?\s*\$?|n\/?a|none|null|nil|nan|undefined|todo|tbd|fixme|\[object object\]|x{3,}|[-–—.?_*#$]+|\[?(?:judgment|critique|feedback|your feedback)\]?|timeout|(?:rate limit|api|server|request|connection)[\w ]{0,20}(?:error|failed|exceeded|timeout))[\s"'`)\]}>.:!]*$/iu;

/** Whether a judgment is what a program writes where a judgment should be: "$ERROR$", "N/A", "None", "...". */
export function isPlaceholder(judgment: string): boolean {
  // The longest placeholder is a short message; the limit keeps the pattern from long runs of punctuation.
  return judgment.length <= 80 && PLACEHOLDER.test(judgment);
}

/** A piece of a prompt or of a tokenizer that should not be in the text; undefined if there is none. */
export function templateLeftover(text: string): string | undefined {
  return LEFTOVER.exec(text)?.[0];
}

const LEFTOVER =
  /^\s*###\s*(?:Instruction|Response|Input|Judgment|Human|Assistant)\s*:|\n###\s*(?:Instruction|Response|Input|Judgment|Human|Assistant)\s*:|\{(?:instruction|input|output|response|judgment|critique|prompt)\}|\{\{\s*(?:instruction|input|output|response|judgment|critique|prompt)\s*\}\}|<\|(?:im_start|im_end|endoftext|end_of_text|begin_of_text|start_header_id|end_header_id|eot_id|user|assistant|system|end|pad|unk)\|>|<(?:unk|pad)>|\[\/?INST\]|<<\/?SYS>>|<(?:start|end)_of_turn>|<\/s>\s*$/u;

/** The text without special tokens at its end, which a template writes there again. */
export function withoutEndTokens(text: string): string {
  const end = END_TOKENS.exec(text);
  return end === null ? text : text.slice(0, end.index);
}

const END_TOKENS =
  /(?:\s*(?:<\|(?:im_end|endoftext|end_of_text|eot_id|end|pad)\|>|<(?:pad|end_of_turn)>|<\/s>))+\s*$/u;

/** Words of one window, and how many windows of a judgment are looked up: enough to tell a copy. */
const WINDOW = 5;
const MOST_WINDOWS = 1000;

/**
 * The share of a judgment's first thousand windows of five words that stand in the response as well, if it is
 * `atLeast` that much; otherwise 0. Judgments of fewer than eight words count as 0, because short quotations say
 * nothing.
 */
export function repetition(judgment: string, response: string, atLeast: number): number {
  const words = wordsOf(judgment.slice(0, mostRead));
  if (words.length < 8) return 0;
  const windows = Array.from({ length: Math.min(MOST_WINDOWS, words.length - WINDOW + 1) }, (_, start) =>
    words.slice(start, start + WINDOW),
  );
  // Most judgments have words of their own: a look at the words alone tells that too few windows can be found.
  const said = new Set(wordsOf(response));
  const possible = windows.filter((window) => window.every((word) => said.has(word))).length;
  if (possible / windows.length < atLeast) return 0;
  const beginnings = new Set(windows.map(([first]) => first));
  const found = new Set<string>();
  const wanted = new Set(windows.map((window) => window.join(' ')));
  const last: string[] = [];
  for (const [word] of response.toLowerCase().matchAll(WORD)) {
    last.push(word);
    if (last.length < WINDOW) continue;
    if (beginnings.has(last[0])) {
      const window = last.join(' ');
      if (wanted.has(window)) found.add(window);
      if (found.size === wanted.size) break;
    }
    last.shift();
  }
  const share = windows.filter((window) => found.has(window.join(' '))).length / windows.length;
  return share >= atLeast ? share : 0;
}

const WORD = /[\p{L}\p{N}]+/gu;

const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

/** Whether two texts have the same words, and some, whatever their case, punctuation and spacing. */
export function sameWords(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => text.toLowerCase().matchAll(WORD));
  for (let some = false; ; some = true) {
    // Word by word, so that texts that differ are told apart where they do.
    const [one, other] = [first!.next(), second!.next()];
    if (one.done || other.done) return some && one.done === other.done;
    if (one.value[0] !== other.value[0]) return false;
  }
}

/** Text with case, punctuation and spacing taken away, for comparing whole texts. */
export const bareText = (text: string): string => wordsOf(text).join(' ');
