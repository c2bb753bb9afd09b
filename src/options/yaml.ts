// A user's YAML: its nodes with their places, what is wrong with it in plain words, and values whose aliases are
// bounded. Knows no keys.
import { LineCounter, isScalar, parseDocument, visit } from 'yaml';
import type { Node, ParsedNode, YAMLError } from 'yaml';
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';

export interface YamlText {
  /** Null for a text that says nothing. */
  readonly root: ParsedNode | null;
  readonly faults: readonly { readonly message: string; readonly offset: number }[];
  readonly placeOf: (offset: number) => Required<Pick<Place, 'file' | 'line' | 'column'>>;
  /** Throws WhetstoneError, of the code that the text was read with, for an alias of nothing or of far too much. */
  readonly valueOf: (node: Node) => unknown;
}

/** Reads one document; JSON is YAML. Whatever is wrong with the text is among the faults. */
export function parseYaml(text: string, { file, code }: { file: string; code: string }): YamlText {
  const lines = new LineCounter();
  const deep = tooDeepAt(text);
  // The library walks what is nested by calling itself; where the stack ends, V8 ends the process.
  const document = parseDocument(deep === null ? text : '', {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false, // which compares each key with each other
  });
  const placeOf: YamlText['placeOf'] = (offset) => {
    if (deep !== null) {
      const before = text.slice(0, offset).split('\n');
      return { file, line: before.length, column: before.at(-1)!.length + 1 };
    }
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const exhausted = document.errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  // Whatever was found after the reader gave up would only follow from that.
  const errors = exhausted === undefined ? document.errors : [exhausted];
  return {
    root: document.contents,
    faults:
      deep === null
        ? [
            ...errors.map((error) => ({ message: describe(error), offset: error.pos[0] })),
            ...doubles(document),
          ]
        : [{ message: tooDeep, offset: deep }],
    placeOf,
    valueOf: (node) => {
      try {
        return node.toJS(document) as unknown;
      } catch (cause) {
        // The library's own word for aliases: of an anchor that is not there, or of one that unfolds without bound.
        if (!(cause instanceof ReferenceError)) throw cause;
        const unfolds = cause.message.startsWith('Excessive alias count');
        throw new WhetstoneError(
          code,
          unfolds
            ? 'aliases (*name) of aliases unfold into far more than is written here'
            : `not YAML: ${cause.message}`,
          {
            ...placeOf(node.range?.[0] ?? 0),
            cause,
            hint: unfolds
              ? 'Write the values out, or leave them out: no file that is meant well has so many.'
              : 'Write the value out.',
          },
        );
      }
    },
  };
}

/** Keys that a mapping has a second time. */
function doubles(document: ReturnType<typeof parseDocument>): YamlText['faults'] {
  const faults: { message: string; offset: number }[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value))
          faults.push({
            message: `the key ${JSON.stringify(key.value)} is here a second time`,
            offset: key.range?.[0] ?? 0,
          });
        seen.add(key.value);
      }
    },
  });
  return faults;
}

const tooDeep = 'brackets or indents are nested too deeply to be read';

/** Levels that nothing meant well comes near to. */
const mostLevels = 500;

/**
 * Where a text may be nested deeper than that: by brackets that are open, by indents, each of which may be a level, or by
 * the dashes, question marks and colons that open several levels on one line. Null where it is not.
 */
function tooDeepAt(text: string): number | null {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '[' || char === '{') open++;
    else if ((char === ']' || char === '}') && open > 0) open--;
    if (open > mostLevels) return at;
  }
  const indented = new RegExp(`^(?: {${mostLevels}}|(?:[-?:] +){${mostLevels}})`, 'm').exec(text);
  return indented?.index ?? null;
}

/** The value of a YAML text. Throws WhetstoneError `code` for the first thing that is wrong with it. */
export function readYaml(text: string, about: { file: string; code: string; hint?: string }): unknown {
  const { file, code, hint } = about;
  const { root, faults, placeOf, valueOf } = parseYaml(text, { file, code });
  const [fault] = faults;
  if (fault !== undefined) {
    const said = { ...placeOf(fault.offset), ...(hint !== undefined && { hint }) };
    throw new WhetstoneError(code, `not YAML: ${fault.message}`, said);
  }
  return root === null ? null : valueOf(root);
}

function describe({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS')
    return 'a second document begins here ("---"); expected one document in the file';
  if (code === 'RESOURCE_EXHAUSTION') return tooDeep;
  return message;
}
