// What an option can be and how a value given for it is checked. Knows neither flags nor YAML nor any one option.

interface Common {
  /** One sentence for --help; says what the number means. */
  readonly help: string;
  /** Heading in --help. */
  readonly group: string;
  /** Stands for the value in --help: "N", "DIR". */
  readonly placeholder?: string;
  /** The default in words, where it is not a value. */
  readonly defaultText?: string;
  /** Whether null (YAML) and "none" (flag) mean: not set. */
  readonly nullable?: boolean;
  /** Stands on the command line without a name; for instance DATA. */
  readonly positional?: boolean;
  /** Cannot be set in a config file. */
  readonly flagOnly?: boolean;
}

export interface NumberOption extends Common {
  readonly kind: 'number';
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** Exclusive bounds. */
  readonly above?: number;
  readonly below?: number;
}

export interface ChoiceOption extends Common {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  /** Lines that explain the choices to someone who gave another. */
  readonly explanation?: readonly string[];
}

export type Option =
  | NumberOption
  | ChoiceOption
  /** true or false; `--name` alone is true. */
  | (Common & { readonly kind: 'boolean' })
  | (Common & { readonly kind: 'text' })
  /** Comma-separated in a flag; a YAML list, or the same text, in a file. */
  | (Common & { readonly kind: 'list' });

/** Options by their TypeScript names, one for every field of `T`. */
export type Schema<T> = { readonly [K in keyof T]-?: Option };

export type Checked =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly expected: string };

const good = (value: unknown): Checked => ({ ok: true, value });

/** Checks a value that a YAML file gave: it must have the type already. */
export function checkValue(option: Option, value: unknown): Checked {
  if (value === null && option.nullable) return good(null);
  const bad: Checked = { ok: false, expected: expectation(option) };
  switch (option.kind) {
    case 'number':
      return typeof value === 'number' && inRange(option, value) ? good(value) : bad;
    case 'boolean':
      return typeof value === 'boolean' ? good(value) : bad;
    case 'choice':
      return typeof value === 'string' && option.choices.includes(value) ? good(value) : bad;
    case 'text':
      return typeof value === 'string' && value !== '' ? good(value) : bad;
    case 'list': {
      const items: unknown[] = typeof value === 'string' ? split(value) : Array.isArray(value) ? value : [];
      return items.length > 0 && items.every((item) => typeof item === 'string' && item !== '')
        ? good([...new Set(items)])
        : bad;
    }
  }
}

/** Checks a value that a flag gave, as text; `true` is a flag without a value. */
export function checkFlag(option: Option, value: string | true): Checked {
  if (option.kind === 'boolean')
    return checkValue(option, value === true || { true: true, false: false }[value]);
  if (value === true) return { ok: false, expected: expectation(option) };
  if (value === 'none' && option.nullable) return good(null);
  if (option.kind === 'number') return checkValue(option, value.trim() === '' ? NaN : Number(value));
  return checkValue(option, value);
}

/** What the option takes, in words: "a whole number of at least 1". */
export function expectation(option: Option): string {
  const orNone = option.nullable ? ', or none' : '';
  switch (option.kind) {
    case 'number': {
      const bounds = [
        option.min !== undefined && `at least ${option.min}`,
        option.above !== undefined && `more than ${option.above}`,
        option.max !== undefined && `at most ${option.max}`,
        option.below !== undefined && `less than ${option.below}`,
      ].filter(Boolean);
      const noun = option.integer ? 'a whole number' : 'a number';
      return noun + (bounds.length > 0 ? ` of ${bounds.join(' and ')}` : '') + orNone;
    }
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${option.choices.join(', ')}` + orNone;
    case 'text':
      return 'a text' + orNone;
    case 'list':
      return 'a list of names' + orNone;
  }
}

function inRange({ integer, min, max, above, below }: NumberOption, value: number): boolean {
  return (
    Number.isFinite(value) &&
    (!integer || Number.isSafeInteger(value)) &&
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below)
  );
}

const split = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
