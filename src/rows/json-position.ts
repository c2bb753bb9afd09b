// Finds where a text stops being JSON. The messages of JSON.parse differ between releases of Node and do not
// always hold a position, so this reads the text again, only after JSON.parse has refused it.

export interface JsonFault {
  /** UTF-16 offset of the first character that cannot stand there; the length of the text if it ends too early. */
  readonly offset: number;
  /** What is wrong: "expected a comma or "]", found "{"". */
  readonly message: string;
  /** True if a whole value stands before the fault, as in a file with one value a line. */
  readonly afterValue: boolean;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
// Everything that may stand in a string without an escape, surrogates included.
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y; // eslint-disable-line no-control-regex
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/uy;

type Expectation = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';

/**
 * The first fault of `text` as one JSON value (RFC 8259), or null if it is one. Nesting costs no stack.
 * `whole` is what messages call the text.
 */
export function findJsonFault(text: string, whole: 'file' | 'line' = 'file'): JsonFault | null {
  const open: ('{' | '[')[] = [];
  let expecting: Expectation = 'value';
  let at = skip(SPACE, text, 0);

  const fault = (offset: number, message: string): JsonFault => ({ offset, message, afterValue: false });

  for (;;) {
    const inside = open.at(-1);
    if (at >= text.length) {
      const unclosed = inside === undefined ? '' : `, ${JSON.stringify(inside)} is not closed`;
      return fault(
        text.length,
        `the ${whole} ends too early: expected ${describe(expecting, inside)}${unclosed}`,
      );
    }
    const char = text[at]!;
    let valueEnded = false;

    if ((char === '}' && inside === '{') || (char === ']' && inside === '[')) {
      if (expecting !== 'comma-or-end' && !expecting.endsWith('-or-end')) {
        const after = expecting === 'colon' || text[lastToken(text, at)] === ':' ? '' : ' after the comma';
        return fault(at, `expected ${describe(expecting, inside)}${after}, found ${show(text, at)}`);
      }
      open.pop();
      at++;
      valueEnded = true;
    } else if (expecting === 'comma-or-end') {
      if (char !== ',') {
        return fault(at, `expected ${describe(expecting, inside)}, found ${show(text, at)}`);
      }
      expecting = inside === '{' ? 'key' : 'value';
      at++;
    } else if (expecting === 'colon') {
      if (char !== ':') return fault(at, `expected ":" after the name, found ${show(text, at)}`);
      expecting = 'value';
      at++;
    } else if (expecting === 'key' || expecting === 'key-or-end') {
      if (char !== '"') {
        return fault(at, `expected ${describe(expecting, inside)}, found ${show(text, at)}`);
      }
      const end = stringEnd(text, at);
      if (typeof end !== 'number') return end;
      at = end;
      expecting = 'colon';
    } else if (char === '{' || char === '[') {
      open.push(char);
      expecting = char === '{' ? 'key-or-end' : 'value-or-end';
      at++;
    } else if (char === '"') {
      const end = stringEnd(text, at);
      if (typeof end !== 'number') return end;
      at = end;
      valueEnded = true;
    } else {
      const word = match(WORD, text, at);
      const literal = word === 'true' || word === 'false' || word === 'null' ? word : match(NUMBER, text, at);
      if (!literal) return fault(at, `expected ${describe(expecting, inside)}, found ${show(text, at)}`);
      at += literal.length;
      valueEnded = true;
    }

    at = skip(SPACE, text, at);
    if (valueEnded) {
      if (open.length === 0) {
        if (at >= text.length) return null;
        return {
          offset: at,
          message: `expected the end of the ${whole}, found ${show(text, at)}`,
          afterValue: true,
        };
      }
      expecting = 'comma-or-end';
    }
  }
}

/** Offset behind the string that begins at `start`, or what is wrong in it. */
function stringEnd(text: string, start: number): number | JsonFault {
  let at = start + 1;
  for (;;) {
    at = skip(PLAIN_CHARACTERS, text, at);
    const char = text[at];
    if (char === '"') return at + 1;
    if (char === undefined) {
      return { offset: start, message: 'the string that begins here is not closed', afterValue: false };
    }
    if (char === '\\') {
      const escape = match(ESCAPE, text, at);
      if (!escape) {
        const found = JSON.stringify(text.slice(at, at + 2));
        return { offset: at, message: `expected an escape of JSON, found ${found}`, afterValue: false };
      }
      at += escape.length;
    } else {
      const name = char === '\n' || char === '\r' ? 'a line break' : show(text, at);
      return {
        offset: at,
        message: `expected an escape such as \\n in a string, found ${name}`,
        afterValue: false,
      };
    }
  }
}

function describe(expecting: Expectation, inside: '{' | '[' | undefined): string {
  switch (expecting) {
    case 'value':
      return 'a value';
    case 'value-or-end':
      return 'a value or "]"';
    case 'key':
      return 'a name in double quotes';
    case 'key-or-end':
      return 'a name in double quotes or "}"';
    case 'colon':
      return '":"';
    case 'comma-or-end':
      return inside === '{' ? 'a comma or "}"' : 'a comma or "]"';
  }
}

function show(text: string, at: number): string {
  const word = match(WORD, text, at);
  if (word === 'NaN' || word === 'Infinity') return `${word}, which JSON does not have (write null)`;
  if (word) return word.length > 30 ? `${word.slice(0, 30)}…` : word;
  const point = text.codePointAt(at)!;
  const char = String.fromCodePoint(point);
  return /[\p{Z}\p{C}]/u.test(char)
    ? `the character U+${point.toString(16).toUpperCase().padStart(4, '0')}`
    : JSON.stringify(char);
}

/** Offset of the last character before `at` that is not white space. */
function lastToken(text: string, at: number): number {
  let before = at - 1;
  while (before >= 0 && ' \t\n\r'.includes(text[before]!)) before--;
  return before;
}

function skip(pattern: RegExp, text: string, at: number): number {
  return at + (match(pattern, text, at)?.length ?? 0);
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
