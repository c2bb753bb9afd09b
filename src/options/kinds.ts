// What a setting can be, and how a value given for it is checked. Knows no setting, and neither flags nor files.

interface Common {
  /** One sentence that says what the value means. */
  readonly help: string;
  /** What holds where nothing is given. A nullable setting without it is null; any other without it has to be given. */
  readonly default?: unknown;
  /** The default in words, where it is not a value. */
  readonly defaultText?: string;
  /** Whether null ("none" in a flag) means: not set. */
  readonly nullable?: boolean;
  /** Heading in --help, where it is not that of the setting's subject. */
  readonly group?: string;
  /** Stands for the value in --help: "N", "DIR". */
  readonly placeholder?: string;
  /** Stands on the command line without a name; for instance DATA. */
  readonly positional?: boolean;
  /** Says what to do now, not what a run is: cannot be set in a config file. */
  readonly flagOnly?: boolean;
  /** Names a file or folder, which a record names from the root. */
  readonly path?: boolean;
  /**
   * On the command line "-" may stand for it: the standard input with rows, or with one text a line where it is in no
   * format of rows; or the standard output.
   */
  readonly stream?: 'rows' | 'lines' | 'out';
  /**
   * Whether a run that goes on may have another value: `free` does not decide what is computed; of `content` the
   * content is compared and not the name. Without it the recorded value holds.
   */
  readonly resume?: 'free' | 'content';
}

export interface NumberSetting extends Common {
  readonly kind: 'number';
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** Exclusive bounds. */
  readonly above?: number;
  readonly below?: number;
}

export interface ChoiceSetting extends Common {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  /** Lines that explain the choices to someone who gave another. */
  readonly explanation?: readonly string[];
}

export type Setting =
  | NumberSetting
  | ChoiceSetting
  /** In a flag, `--name` alone is true. */
  | (Common & { readonly kind: 'boolean' })
  | (Common & { readonly kind: 'text' })
  /** Texts, each counted once. */
  | (Common & { readonly kind: 'list' })
  /** Values by name; in a flag `name=value`, with commas between. */
  | (Common & { readonly kind: 'map' });

/** The TypeScript type of a setting's value. */
export type ValueOf<S> =
  | (S extends { readonly kind: 'number' }
      ? number
      : S extends { readonly kind: 'boolean' }
        ? boolean
        : S extends { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] }
          ? Choice
          : S extends { readonly kind: 'list' }
            ? readonly string[]
            : S extends { readonly kind: 'map' }
              ? Readonly<Record<string, unknown>>
              : string)
  | (S extends { readonly nullable: true } ? null : never);

export type Checked =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly expected: string };

/** Checks a value that has a type: of a program or of a config file. */
export function checkValue(setting: Setting, value: unknown): Checked {
  const good = value === null ? setting.nullable === true : isKind(setting, value);
  if (!good) return { ok: false, expected: expectation(setting) };
  return { ok: true, value: Array.isArray(value) ? [...new Set(value)] : value };
}

/** Checks a value that a flag gave, as text; `true` is a flag without a value. */
export function checkFlag(setting: Setting, value: string | true): Checked {
  if (setting.kind === 'boolean')
    return checkValue(setting, value === true || { true: true, false: false }[value]);
  if (value === true) return { ok: false, expected: expectation(setting) };
  if (value === 'none' && setting.nullable) return { ok: true, value: null };
  if (setting.kind === 'number') return checkValue(setting, value.trim() === '' ? NaN : Number(value));
  return checkValue(setting, fromText(setting, value));
}

const fromText = (setting: Setting, text: string): unknown =>
  setting.kind === 'list' ? splitList(text) : setting.kind === 'map' ? splitMap(text) : text;

/** Names and values in one text; undefined where something has no name. What is JSON has its type, all else is a text. */
function splitMap(text: string): Readonly<Record<string, unknown>> | undefined {
  const entries = splitList(text).map((item) => /^([^=]+)=(.*)$/s.exec(item));
  if (entries.some((entry) => entry === null)) return undefined;
  return Object.fromEntries(entries.map((entry) => [entry![1]!.trim(), jsonOrText(entry![2]!.trim())]));
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The items of a list in one text. */
export const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** What the setting takes, in words: "a whole number of at least 1". */
export function expectation(setting: Setting): string {
  return `${nounOf(setting)}${setting.nullable ? ', or none' : ''}`;
}

function nounOf(setting: Setting): string {
  switch (setting.kind) {
    case 'number': {
      const bounds = boundsOf(setting);
      const noun = setting.integer ? 'a whole number' : 'a number';
      return bounds === '' ? noun : `${noun} of ${bounds}`;
    }
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${setting.choices.join(', ')}`;
    case 'text':
      return 'a text';
    case 'list':
      return 'a list of names';
    case 'map':
      return 'names and their values (name=value, or a map in a file)';
  }
}

/** "at least 0 and less than 1"; empty without bounds. */
function boundsOf({ min, max, above, below }: NumberSetting): string {
  const bounds = [
    min !== undefined && `at least ${min}`,
    above !== undefined && `more than ${above}`,
    max !== undefined && `at most ${max}`,
    below !== undefined && `less than ${below}`,
  ];
  return bounds.filter((bound) => bound !== false).join(' and ');
}

function isKind(setting: Setting, value: unknown): boolean {
  switch (setting.kind) {
    case 'number':
      return typeof value === 'number' && inRange(setting, value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && setting.choices.includes(value);
    case 'text':
      return isText(value);
    case 'list':
      return Array.isArray(value) && (value.length > 0 || isEmpty(setting.default)) && value.every(isText);
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}

const isEmpty = (list: unknown): boolean => Array.isArray(list) && list.length === 0;

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

function inRange({ integer, min, max, above, below }: NumberSetting, value: number): boolean {
  return (
    Number.isFinite(value) &&
    (!integer || Number.isSafeInteger(value)) &&
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below)
  );
}
