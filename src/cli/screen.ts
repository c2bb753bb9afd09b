// Everything that a verb says, at one place: what was asked for, what it tells beside that, and how far it is; in words
// for a person, with --json as events for a program, with --quiet what was asked for alone. Knows no verb.
import type { OpenEngine } from '../engine/engine.ts';
import type { Note } from '../words/note.ts';
import { errorEvent, eventLine, jsonLine } from './events.ts';
import { createLine } from './progress.ts';
import type { Standing } from './progress.ts';
import { colorsFor, readable, safeWords, widthOf, withFlags } from './terminal.ts';
import type { Colors, Output } from './terminal.ts';

/** How a verb speaks. */
export interface Manner {
  /** Nothing but results and errors. */
  readonly quiet: boolean;
  /** One JSON object a line, on both streams. */
  readonly json: boolean;
}

export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** What a verb's work is given. */
export interface VerbContext {
  readonly screen: Screen;
  /** In place of the ONNX engine; for tests. */
  readonly openEngine?: OpenEngine;
}

export interface Screen extends Manner {
  /** Of the standard output. */
  readonly colors: Colors;
  /** Columns of the standard output. */
  readonly width: number;
  /** What the verb was asked for: on the standard output, in every manner. `words` are lines for a person. */
  readonly result: (type: string, fields: object, words: string) => void;
  /** A row of data, the same for people and programs. */
  readonly row: (row: object) => void;
  /** Part of a result that a person reads as it grows; a program gets the whole of it as a result. */
  readonly piece: (text: string) => void;
  /** What the verb tells beside its results. */
  readonly tell: (type: string, fields: object, words: string) => void;
  /** What a person should know and what stops nothing. */
  readonly note: (note: Note) => void;
  /** What happens while something goes on: a stop, a fault that it survives. */
  readonly aside: (type: string, words: string) => void;
  /** What went wrong and stops nothing, in every manner. */
  readonly warn: (type: string, words: string) => void;
  readonly progress: (standing: Standing) => void;
  /** Ends the progress line; the last thing it showed stays. */
  readonly endProgress: () => void;
}

/** The streams, on which a path is written as `called` names it. */
export function withNames({ stdout, stderr }: Streams): Streams & {
  readonly called: (path: string, name: string) => void;
} {
  const names = new Map<string, string>();
  const named = (output: Output): Output => ({
    write: (text) =>
      output.write([...names].reduce((renamed, [path, name]) => renamed.replaceAll(path, name), text)),
    get isTTY() {
      return output.isTTY ?? false;
    },
    get columns() {
      return output.columns ?? 0;
    },
  });
  return {
    stdout: named(stdout),
    stderr: named(stderr),
    called: (path, name) => {
      names.set(path, name);
      // As it stands in JSON.
      names.set(JSON.stringify(path).slice(1, -1), name);
    },
  };
}

/**
 * `tellsOnStderr`: the verb's standard output has its results alone, and what it tells goes to the standard error, as
 * notes and progress of every verb do with --json.
 */
export function openScreen(
  { stdout, stderr }: Streams,
  { quiet, json }: Manner,
  tellsOnStderr: boolean,
): Screen {
  const line = createLine({ output: stderr, json });
  const write = (output: Output, text: string): void => {
    // Both may be the same terminal.
    if (output.isTTY) line.wipe();
    output.write(text);
    if (output.isTTY) line.redraw();
  };
  const words = (output: Output, text: string): void => write(output, `${safeWords(text)}\n`);
  const beside = tellsOnStderr ? stderr : stdout;
  const say = (type: string, fields: object, text: string, output: Output): void => {
    if (quiet) return;
    if (json) write(output, eventLine(type, fields));
    else words(output, text);
  };
  return {
    quiet,
    json,
    colors: colorsFor(stdout),
    width: widthOf(stdout, 110),
    result: (type, fields, text) => {
      if (json) write(stdout, eventLine(type, fields));
      else words(stdout, text);
    },
    row: (row) => write(stdout, jsonLine(row)),
    piece: (text) => {
      if (!json) stdout.write(stdout.isTTY ? safeWords(text) : text);
    },
    tell: (type, fields, text) => say(type, fields, text, beside),
    note: (note) => {
      const { yellow } = colorsFor(beside);
      const fields = { code: note.code, text: withFlags(note.text) };
      say('note', fields, `${yellow('note')} ${readable(note.text)}`, json ? stderr : beside);
    },
    aside: (type, text) => say(type, { text: withFlags(text) }, readable(text), json ? stderr : beside),
    warn: (type, text) => {
      const { yellow } = colorsFor(stderr);
      if (json) write(stderr, eventLine(type, { text: withFlags(text) }));
      else words(stderr, `${yellow('warning')} ${readable(text)}`);
    },
    progress: (standing) => {
      if (!quiet) line.show(standing);
    },
    endProgress: () => line.end(),
  };
}

/** An error as the last thing that the command says. */
export function sayError(stderr: Output, error: unknown, message: string, { json }: Manner): void {
  if (json) stderr.write(errorEvent(error));
  else stderr.write(`${colorsFor(stderr).red('error')} ${readable(message)}\n`);
}
