// The TypeScript compiler as a judge: reads rows { id, instruction, output } as JSON lines, type-checks the code in each
// output, and answers each with { id, judgment }: what the compiler says is wrong, or null.
import { createInterface } from 'node:readline';
import ts from 'typescript';

/** @type {ts.CompilerOptions} */
const options = {
  ...{ strict: true, noEmit: true, noImplicitReturns: true, noUnusedLocals: true, noUnusedParameters: true },
  ...{
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
  },
  types: [],
};
/** As many of the compiler's messages as a person would read. */
const mostMessages = 3;

const environment = 'declare const console: { log(...values: unknown[]): void };';

/** The code of a response: its fenced blocks, or all of it where it has none. */
function codeOf(response) {
  const blocks = [...response.matchAll(/^```\w*[ \t]*\n([^]*?)^```/gm)].map(([, code]) => code);
  return blocks.length > 0 ? blocks.join('\n') : response;
}

// The library's declarations are the same for all rows, and most of the work.
const libraries = new Map();
const disk = ts.createCompilerHost(options);

/** @param {string} code */
function messagesFor(code) {
  const own = new Map([
    ['response.ts', ts.createSourceFile('response.ts', code, ts.ScriptTarget.ES2022)],
    ['environment.d.ts', ts.createSourceFile('environment.d.ts', environment, ts.ScriptTarget.ES2022)],
  ]);
  const host = {
    ...disk,
    getSourceFile: (name, target) => {
      if (own.has(name)) return own.get(name);
      if (!libraries.has(name)) libraries.set(name, disk.getSourceFile(name, target));
      return libraries.get(name);
    },
    fileExists: (name) => own.has(name),
    readFile: () => undefined,
  };
  const program = ts.createProgram([...own.keys()], options, host);
  const file = own.get('response.ts');
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
}

/** A message as a sentence that names the place: it is the words of a judgment that tell which words are wrong. */
function sentence({ messageText, file, start, length }) {
  const said = ts.flattenDiagnosticMessageText(messageText, ' ').replace(/\s+/g, ' ');
  if (!file || start === undefined) return said;
  const { line } = file.getLineAndCharacterOfPosition(start);
  const excerpt = file.text
    .slice(start, start + length)
    .split('\n')[0]
    .trim();
  return `Line ${line + 1}${excerpt === '' ? '' : `, at "${excerpt}"`}: ${said}`;
}

function judge(response) {
  const code = codeOf(response);
  if (code.trim() === '') return 'There is no code in this response.';
  const messages = messagesFor(code).map(sentence);
  if (messages.length === 0) return null;
  const more = messages.length - mostMessages;
  const shown = messages.slice(0, mostMessages).join(' ');
  return `This does not compile. ${shown}${more > 0 ? ` And ${more} more.` : ''}`;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  const { id, output } = JSON.parse(line);
  console.log(JSON.stringify({ id, judgment: judge(output) }));
}
