// A template's source as tokens, by jinja2's rules with trim_blocks and lstrip_blocks on, as transformers sets them.
// Knows no grammar.
import { fault } from './fault.ts';
import { isSpaceAt, rstrip } from './python-text.ts';

export type TokenKind =
  | 'text'
  | 'begin-block'
  | 'end-block'
  | 'begin-output'
  | 'end-output'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text as it counts: strings without quotes and escapes, numbers without underscores. */
  readonly text: string;
  readonly line: number;
}

const operators: ReadonlySet<string> = new Set([
  '**',
  '//',
  '==',
  '!=',
  '>=',
  '<=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '~',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '>',
  '<',
  '=',
  '.',
  ':',
  '|',
  ',',
  ';',
]);
const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

const nameAt = /[\p{XID_Start}_][\p{XID_Continue}]*/uy;
const floatAt = /\d+(?:_\d+)*(?:\.\d+(?:_\d+)*(?:[eE][+-]?\d+(?:_\d+)*)?|[eE][+-]?\d+(?:_\d+)*)/y;
const integerAt = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const opening = /\{[{%#]/g;
const rawAt = /([-+]?)[\s]*raw[\s]*(-?)%\}/y;
const rawEnd = /\{%([-+]?)[\s]*endraw[\s]*([-+]?)%\}/g;

/** How far a template has been read. */
interface Reading {
  readonly source: string;
  readonly tokens: Token[];
  at: number;
  line: number;
  /** Text between tags begins on a new line: only then white space before a block is indentation. */
  lineStarting: boolean;
}

/** Tokens of a template, `end` last. Throws `JINJA_SYNTAX` with the line. */
export function tokenize(given: string): Token[] {
  const source = given.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const reading: Reading = { source, tokens: [], at: 0, line: 1, lineStarting: true };
  while (reading.at < source.length) {
    opening.lastIndex = reading.at;
    const start = opening.exec(source)?.index ?? -1;
    if (start < 0) {
      pushText(reading, source.slice(reading.at));
      advance(reading, source.length);
    } else readConstruct(reading, start);
  }
  push(reading, 'end', '');
  return reading.tokens;
}

/** The text before a tag, comment or raw block that opens at `start`, and that itself. */
function readConstruct(reading: Reading, start: number): void {
  const { source } = reading;
  const mark = source[start + 1]!;
  const sign = signAt(source, start + 2);
  pushText(reading, textBefore(reading, start, sign, mark !== '{'));
  advance(reading, start);
  rawAt.lastIndex = start + 2;
  const raw = mark === '%' ? rawAt.exec(source) : null;
  if (raw) return readRaw(reading, start + 2 + raw[0].length, raw[2]!);
  if (mark === '#') return readComment(reading, start + 2 + (sign === '' ? 0 : 1));
  const block = mark === '%';
  push(reading, block ? 'begin-block' : 'begin-output', '');
  advance(reading, start + 2 + sign.length);
  readTag(reading, block);
}

function advance(reading: Reading, to: number): void {
  const { source, at } = reading;
  for (let i = at; i < to; i++) if (source[i] === '\n') reading.line++;
  reading.lineStarting = source[to - 1] === '\n';
  reading.at = to;
}

const push = ({ tokens, line }: Reading, kind: TokenKind, text: string): void =>
  void tokens.push({ kind, text, line });

function pushText(reading: Reading, text: string): void {
  if (text !== '') push(reading, 'text', text);
}

function skipSpace(source: string, from: number): number {
  while (isSpaceAt(source, from)) from++;
  return from;
}

/** Text before a tag, with what the tag strips from its end. */
function textBefore({ source, at, lineStarting }: Reading, to: number, sign: string, block: boolean): string {
  const text = source.slice(at, to);
  if (sign === '-') return rstrip(text);
  if (sign === '+' || !block) return text;
  const start = text.lastIndexOf('\n') + 1;
  return (start > 0 || lineStarting) && rstrip(text.slice(start)) === '' ? text.slice(0, start) : text;
}

const signAt = (source: string, position: number): string => /[-+]/.exec(source[position] ?? '')?.[0] ?? '';

/** Where text goes on behind a tag that ends at `end`. */
function behind(source: string, end: number, sign: string, block: boolean): number {
  if (sign === '-') return skipSpace(source, end);
  return block && sign !== '+' && source[end] === '\n' ? end + 1 : end;
}

function readComment(reading: Reading, from: number): void {
  const { source, line } = reading;
  const end = source.indexOf('#}', from);
  if (end < 0) throw fault('JINJA_SYNTAX', 'a comment {# has no #} that closes it', line);
  const sign = signAt(source, end - 1);
  advance(reading, behind(source, end + 2, end > from ? sign : '', true));
}

function readRaw(reading: Reading, from: number, sign: string): void {
  const { source, line: begun } = reading;
  advance(reading, sign === '-' ? skipSpace(source, from) : from);
  rawEnd.lastIndex = reading.at;
  const end = rawEnd.exec(source);
  if (end === null) throw fault('JINJA_SYNTAX', '{% raw %} has no {% endraw %} that closes it', begun);
  reading.lineStarting = false;
  pushText(reading, textBefore(reading, end.index, end[1]!, true));
  advance(reading, behind(source, end.index + end[0].length, end[2]!, true));
}

/** The tokens of a tag, from behind its opening to behind its end. */
function readTag(reading: Reading, block: boolean): void {
  const { source, line: begun } = reading;
  const end = block ? '%}' : '}}';
  const open: string[] = [];
  for (;;) {
    advance(reading, skipSpace(source, reading.at));
    const { at } = reading;
    if (at >= source.length)
      throw fault('JINJA_SYNTAX', `a tag ${block ? '{%' : '{{'} has no ${end} that closes it`, begun);
    const sign = open.length === 0 && (block ? /[-+]/ : /-/).test(source[at]!) ? source[at]! : '';
    if (open.length === 0 && source.startsWith(end, at + sign.length)) {
      push(reading, block ? 'end-block' : 'end-output', '');
      return advance(reading, behind(source, at + sign.length + 2, sign, block));
    }
    const token = nextToken(reading);
    if (token.kind === 'operator') balance(open, token.text, reading.line);
    reading.tokens.push(token);
  }
}

function balance(open: string[], text: string, line: number): void {
  const close = closing[text];
  if (close !== undefined) open.push(close);
  else if (Object.values(closing).includes(text)) {
    const expected = open.pop();
    if (expected === text) return;
    const instead = expected === undefined ? '' : `, expected "${expected}"`;
    throw fault('JINJA_SYNTAX', `unexpected "${text}"${instead}`, line);
  }
}

function nextToken(reading: Reading): Token {
  const { source, at, line } = reading;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0] ?? null;
    if (text !== null) advance(reading, at + text.length);
    return text;
  };
  const float = /\d/.test(source[at]!) ? take(floatAt) : null;
  if (float !== null) return { kind: 'float', text: float.replaceAll('_', ''), line };
  const integer = take(integerAt);
  if (integer !== null) return { kind: 'integer', text: integer.replaceAll('_', ''), line };
  const name = take(nameAt);
  if (name !== null) return { kind: 'name', text: name, line };
  const quote = source[at]!;
  if (quote === '"' || quote === "'") return { kind: 'string', text: takeString(reading, quote), line };
  const two = source.slice(at, at + 2);
  const operator = operators.has(two) ? two : operators.has(two[0]!) ? two[0] : undefined;
  if (operator === undefined) {
    const character = String.fromCodePoint(source.codePointAt(at)!);
    throw fault('JINJA_SYNTAX', `unexpected character ${JSON.stringify(character)}`, line);
  }
  advance(reading, at + operator.length);
  return { kind: 'operator', text: operator, line };
}

function takeString(reading: Reading, quote: string): string {
  const { source, at, line: begun } = reading;
  let end = at + 1;
  while (end < source.length && source[end] !== quote) end += source[end] === '\\' ? 2 : 1;
  if (end >= source.length) throw fault('JINJA_SYNTAX', `a string has no ${quote} that closes it`, begun);
  advance(reading, end + 1);
  return unescape(source.slice(at + 1, end), begun);
}

const simple: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  "'": "'",
  '"': '"',
  '\\': '\\',
  '\n': '',
};
const escapes = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([xuUN])|([\s\S]))/g;

/** Python's escapes in a string; an escape that it does not know stays as it is. */
function unescape(text: string, line: number): string {
  return text.replace(
    escapes,
    (whole, x?: string, u?: string, long?: string, octal?: string, broken?: string, other?: string) => {
      const code = x ?? u ?? long;
      if (broken !== undefined)
        throw fault('JINJA_SYNTAX', `a string has an escape \\${broken} without the digits it needs`, line);
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
      if (code === undefined) return simple[other!] ?? whole;
      const point = parseInt(code, 16);
      if (point > 0x10ffff) throw fault('JINJA_SYNTAX', `there is no character ${whole}`, line);
      return String.fromCodePoint(point);
    },
  );
}
