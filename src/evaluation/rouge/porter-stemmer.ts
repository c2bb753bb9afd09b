// The Porter stemmer with NLTK's extensions, which is the one rouge-score stems with. Not the stemmer of the paper,
// and not Martin Porter's own later version. Knows words of a-z and 0-9 in lower case only.

/**
 * The stem of a word as `nltk.stem.PorterStemmer().stem` gives it (mode NLTK_EXTENSIONS).
 * M. F. Porter, "An algorithm for suffix stripping", Program 14.3 (1980), pages 130-137; where NLTK departs from
 * it, a comment says so. `word` is in lower case. Words of one or two letters are left alone (Porter's own later rule).
 */
export function porterStem(word: string): string {
  const irregular = irregularForms.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length <= 2) return word;
  return [plurals, pastAndGerund, finalY, doubleSuffixes, suffixes, longSuffixes, finalE, doubleL].reduce(
    (stem, step) => step(stem),
    word,
  );
}

/** NLTK: words that the rules are known to get wrong. */
const irregularForms: ReadonlyMap<string, string> = new Map([
  ['sky', 'sky'],
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['news', 'news'],
  ['innings', 'inning'],
  ['inning', 'inning'],
  ['outings', 'outing'],
  ['outing', 'outing'],
  ['cannings', 'canning'],
  ['canning', 'canning'],
  ['howe', 'howe'],
  ['proceed', 'proceed'],
  ['exceed', 'exceed'],
  ['succeed', 'succeed'],
]);

/** A suffix, what takes its place, and what its stem must be for that. */
type Rule = readonly [suffix: string, replacement: string, condition?: (stem: string) => boolean];

/** Of the first rule whose suffix the word has: its replacement if its condition holds, else the word as it is. */
function applyFirst(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const [suffix, replacement, condition] = rule;
  const stem = without(word, suffix);
  return condition === undefined || condition(stem) ? stem + replacement : word;
}

function without(word: string, suffix: string): string {
  return word.slice(0, word.length - suffix.length);
}

// Letters. A consonant is not a, e, i, o, u, and not y after a consonant; digits count as consonants.

/** The word with `c` for every consonant and `v` for every vowel. */
function shape(word: string): string {
  let letters = '';
  let before = 'v'; // so that a leading y is a consonant
  for (const letter of word) {
    before = 'aeiou'.includes(letter) || (letter === 'y' && before === 'c') ? 'v' : 'c';
    letters += before;
  }
  return letters;
}

/** How often a vowel is followed by a consonant: m in the paper's [C](VC)^m[V]. */
function measure(word: string): number {
  return shape(word).split('vc').length - 1;
}

const positive = (stem: string): boolean => measure(stem) > 0;
const aboveOne = (stem: string): boolean => measure(stem) > 1;

/** The paper's *d. */
function endsInDoubleConsonant(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && shape(word).endsWith('c');
}

/** The paper's *o: consonant, vowel, consonant other than w, x, y; NLTK adds words that are vowel, consonant. */
function endsInShortSyllable(word: string): boolean {
  const letters = shape(word);
  return (letters.endsWith('cvc') && !/[wxy]$/.test(word)) || letters === 'vc';
}

// The steps, in the paper's order.

/** Step 1a. NLTK: "ies" of four letters leaves "ie" ("dies", "ties"). */
function plurals(word: string): string {
  if (word.length === 4 && word.endsWith('ies')) return without(word, 's');
  return applyFirst(word, [
    ['sses', 'ss'],
    ['ies', 'i'],
    ['ss', 'ss'],
    ['s', ''],
  ]);
}

/** Step 1b. NLTK: "ied" leaves "ie" in words of four letters ("died") and "i" in longer ones ("spied"). */
function pastAndGerund(word: string): string {
  if (word.endsWith('ied')) return without(word, word.length === 4 ? 'd' : 'ed');
  if (word.endsWith('eed')) return positive(without(word, 'eed')) ? without(word, 'd') : word;
  const suffix = ['ed', 'ing'].find((end) => word.endsWith(end));
  if (suffix === undefined) return word;
  const stem = without(word, suffix);
  if (!shape(stem).includes('v')) return word;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

/** Step 1c. NLTK: y becomes i after a consonant only, and not after a lone one ("happi", but "enjoy", "by"). */
function finalY(word: string): string {
  return applyFirst(word, [['y', 'i', (stem) => stem.length > 1 && shape(stem).endsWith('c')]]);
}

/** Step 2. NLTK: "alli" is undone first and its result is taken through the step again; "fulli"; "logi" from "og". */
function doubleSuffixes(word: string): string {
  if (word.endsWith('alli') && positive(without(word, 'alli'))) return doubleSuffixes(without(word, 'li'));
  return applyFirst(word, step2);
}

const step2: readonly Rule[] = [
  ['ational', 'ate', positive],
  ['tional', 'tion', positive],
  ['enci', 'ence', positive],
  ['anci', 'ance', positive],
  ['izer', 'ize', positive],
  ['bli', 'ble', positive], // Porter's later rule; the paper has "abli"
  ['alli', 'al', positive],
  ['entli', 'ent', positive],
  ['eli', 'e', positive],
  ['ousli', 'ous', positive],
  ['ization', 'ize', positive],
  ['ation', 'ate', positive],
  ['ator', 'ate', positive],
  ['alism', 'al', positive],
  ['iveness', 'ive', positive],
  ['fulness', 'ful', positive],
  ['ousness', 'ous', positive],
  ['aliti', 'al', positive],
  ['iviti', 'ive', positive],
  ['biliti', 'ble', positive],
  ['fulli', 'ful', positive],
  ['logi', 'log', (stem) => positive(`${stem}l`)], // the l counts as the stem's, for "geology", "theology"
];

/** Step 3. */
function suffixes(word: string): string {
  return applyFirst(word, step3);
}

const step3: readonly Rule[] = [
  ['icate', 'ic', positive],
  ['ative', '', positive],
  ['alize', 'al', positive],
  ['iciti', 'ic', positive],
  ['ical', 'ic', positive],
  ['ful', '', positive],
  ['ness', '', positive],
];

/** Step 4. */
function longSuffixes(word: string): string {
  return applyFirst(word, step4);
}

const step4: readonly Rule[] = [
  ['al', '', aboveOne],
  ['ance', '', aboveOne],
  ['ence', '', aboveOne],
  ['er', '', aboveOne],
  ['ic', '', aboveOne],
  ['able', '', aboveOne],
  ['ible', '', aboveOne],
  ['ant', '', aboveOne],
  ['ement', '', aboveOne],
  ['ment', '', aboveOne],
  ['ent', '', aboveOne],
  ['ion', '', (stem) => aboveOne(stem) && /[st]$/.test(stem)],
  ['ou', '', aboveOne],
  ['ism', '', aboveOne],
  ['ate', '', aboveOne],
  ['iti', '', aboveOne],
  ['ous', '', aboveOne],
  ['ive', '', aboveOne],
  ['ize', '', aboveOne],
];

/** Step 5a. */
function finalE(word: string): string {
  return applyFirst(word, [
    ['e', '', (stem) => aboveOne(stem) || (positive(stem) && !endsInShortSyllable(stem))],
  ]);
}

/** Step 5b. The measure is taken with one l. */
function doubleL(word: string): string {
  return applyFirst(word, [['ll', 'l', (stem) => aboveOne(`${stem}l`)]]);
}
