// Which of llama.cpp's ways to cut a text into words is a tokenizer's own: it knows them by name and reads no pattern.
type Json = Readonly<Record<string, unknown>>;

const contractions = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const rest = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const words = String.raw`|[^\r\n\p{L}\p{N}]?\p{L}+|`;
const upper = String.raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`;
const lower = String.raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`;
const cased = (end: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?[${upper}]*[${lower}]+${end}|[^\r\n\p{L}\p{N}]?[${upper}]+[${lower}]*${end}|`;
const restWithSlash = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const threeDigits = `${contractions}${words}${String.raw`\p{N}{1,3}`}${rest}`;

/** Names by what the pre-tokenizer does before the letters of bytes; and whether whole words go before merges there. */
const known: readonly {
  readonly steps: readonly string[];
  readonly name: string;
  readonly whole: boolean;
}[] = [
  { steps: ['bytes'], name: 'gpt-2', whole: false },
  { steps: ['digits', 'bytes'], name: 'smollm', whole: false },
  { steps: [threeDigits], name: 'llama-bpe', whole: true },
  { steps: [threeDigits], name: 'dbrx', whole: false },
  {
    // cl100k_base as some write it.
    steps: [
      String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
    name: 'dbrx',
    whole: false,
  },
  { steps: [`${contractions}${words}${String.raw`\p{N}`}${rest}`], name: 'qwen2', whole: false },
  { steps: [`${cased('')}${String.raw`\p{N}`}${restWithSlash}`], name: 'tekken', whole: true },
  {
    steps: [`${cased(`${contractions}?`)}${String.raw`\p{N}{1,3}`}${restWithSlash}`],
    name: 'gpt-4o',
    whole: false,
  },
];

/** llama.cpp's name of the pre-tokenizer of a byte-level BPE; null where it has none like it. */
export function preTokenizerName(preTokenizer: unknown, ignoresMerges: boolean): string | null {
  const steps = stepsOf(preTokenizer);
  if (steps === null) return null;
  const row = known.find(
    (each) => each.whole === ignoresMerges && each.steps.join('\n') === steps.join('\n'),
  );
  return row?.name ?? null;
}

/** Whether texts are written in the letters of bytes. */
export const isByteLevel = (preTokenizer: unknown): boolean =>
  parts(preTokenizer).some(({ type }) => type === 'ByteLevel');

/** What is done in turn; null for what is not known here. */
function stepsOf(preTokenizer: unknown): readonly string[] | null {
  const steps: string[] = [];
  for (const part of parts(preTokenizer)) {
    const { type, pattern, behavior, invert } = part;
    const regex = (pattern as Json | undefined)?.['Regex'];
    if (type === 'ByteLevel' && part['add_prefix_space'] !== true) {
      if (part['use_regex'] !== false) steps.push('bytes');
    } else if (type === 'Digits' && part['individual_digits'] === true) steps.push('digits');
    else if (type === 'Split' && typeof regex === 'string' && behavior === 'Isolated' && invert !== true)
      steps.push(regex);
    else return null;
  }
  return steps;
}

function parts(preTokenizer: unknown): readonly Json[] {
  if (typeof preTokenizer !== 'object' || preTokenizer === null) return [];
  const { type, pretokenizers } = preTokenizer as Json;
  return type === 'Sequence' && Array.isArray(pretokenizers)
    ? pretokenizers.flatMap(parts)
    : [preTokenizer as Json];
}
