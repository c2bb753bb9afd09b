// Walks along the tokens of a template for the parser. Knows tokens, not what they mean together.
import { fault } from './fault.ts';
import type { Token, TokenKind } from './lexer.ts';

/** Tags and expressions within one another. */
const mostNested = 120;

export interface Cursor {
  /** The token ahead, or the one behind it. */
  peek(offset?: number): Token;
  /** Takes the token ahead. */
  next(): Token;
  isOperator(text: string): boolean;
  isName(text: string): boolean;
  /** Takes a name if it is the one. */
  skipName(text: string): boolean;
  /** Takes a token. Each throws `JINJA_SYNTAX` where another is ahead. */
  expect(kind: TokenKind, what: string): Token;
  operator(text: string): Token;
  keyword(text: string): Token;
  /** The token ahead, in words. */
  describe(): string;
  /** Reads what lies one level deeper. Throws `JINJA_LIMIT`. */
  deeper<T>(read: () => T): T;
}

const words: Readonly<Partial<Record<TokenKind, string>>> = {
  'begin-block': '{%',
  'end-block': '%}',
  'begin-output': '{{',
  'end-output': '}}',
  end: 'the end of the template',
  text: 'text',
};

export function openCursor(tokens: readonly Token[]): Cursor {
  let at = 0;
  let depth = 0;
  const last = tokens.length - 1;
  const peek = (offset = 0): Token => tokens[Math.min(at + offset, last)]!;
  const next = (): Token => {
    const token = peek();
    at++;
    return token;
  };
  const describe = (): string => {
    const { kind, text } = peek();
    return words[kind] ?? (kind === 'string' ? `the text ${JSON.stringify(text)}` : `"${text}"`);
  };
  const take = (right: boolean, what: string): Token => {
    if (right) return next();
    throw fault('JINJA_SYNTAX', `expected ${what}, found ${describe()}`, peek().line);
  };
  const isOperator = (text: string): boolean => peek().kind === 'operator' && peek().text === text;
  const isName = (text: string): boolean => peek().kind === 'name' && peek().text === text;
  return {
    peek,
    next,
    isOperator,
    isName,
    skipName: (text) => isName(text) && next() !== undefined,
    expect: (kind, what) => take(peek().kind === kind, what),
    operator: (text) => take(isOperator(text), `"${text}"`),
    keyword: (text) => take(isName(text), `"${text}"`),
    describe,
    deeper: (read) => {
      if (depth >= mostNested)
        throw fault('JINJA_LIMIT', `it is nested more than ${mostNested} levels deep`, peek().line);
      depth++;
      try {
        return read();
      } finally {
        depth--;
      }
    },
  };
}
