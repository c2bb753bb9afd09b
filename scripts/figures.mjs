// Figures of the code's structure: node scripts/figures.mjs [FOLDER OF A CLONE]
// How often one fact is written, how long functions are, how many names the root entry has, and how often the options
// of `align` come back to a file that they had left. Reads the source with TypeScript's own checker; runs nothing of it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { walkParameter } from './figures/walk.mjs';

const root = resolve(process.argv[2] ?? join(fileURLToPath(new URL('.', import.meta.url)), '..'));
const tracked = execFileSync('git', ['ls-files', 'src', 'lab', 'bin'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((file) => file.endsWith('.ts') && !/(\.test|\.test-helper|test-tokenizers)\.ts$/.test(file))
  .filter((file) => existsSync(join(root, file)));
const text = Object.fromEntries(tracked.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const program = ts.createProgram(
  tracked.map((file) => join(root, file)),
  {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  },
);
const checker = program.getTypeChecker();
const name = (source) => relative(root, source.fileName).replaceAll('\\', '/');
const sources = tracked.map((file) => program.getSourceFile(join(root, file)));

const lines = (source, node) =>
  source.getLineAndCharacterOfPosition(node.end).line -
  source.getLineAndCharacterOfPosition(node.getStart(source)).line +
  1;

function functionsOf(source) {
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body)
      found.push({ file: name(source), name: nameOf(node), lines: lines(source, node) });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function nameOf(node) {
  if (node.name && ts.isIdentifier(node.name)) return node.name.text;
  const { parent } = node;
  return parent && 'name' in parent && parent.name && ts.isIdentifier(parent.name)
    ? parent.name.text
    : '(anonymous)';
}

/** Names that `src/index.ts` hands out, values and types. */
function rootEntry() {
  const index = program.getSourceFile(join(root, 'src/index.ts'));
  const symbol = checker.getSymbolAtLocation(index);
  return checker.getExportsOfModule(symbol).map((each) => each.name);
}

/** How locks are named: what `acquireLock` is told, or which of the functions is asked that name them. */
function lockNames() {
  const found = new Set();
  for (const source of sources) {
    const visit = (node) => {
      const called = ts.isCallExpression(node) ? node.expression.getText(source) : '';
      if (called === 'acquireLock') found.add(node.arguments[0].getText(source).replaceAll(/\s+/g, ' '));
      if (called === 'lockFile' || called === 'lockFolder') found.add(called);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return [...found].sort();
}

/** Object literals that are spread only into another one, and `void [...]` lines. */
function literalSpreads() {
  let count = 0;
  for (const source of sources) {
    const visit = (node) => {
      const inner =
        (ts.isSpreadAssignment(node) || ts.isSpreadElement(node)) &&
        (ts.isParenthesizedExpression(node.expression) ? node.expression.expression : node.expression);
      const literal = inner && (ts.isAsExpression(inner) ? inner.expression : inner);
      if (literal && (ts.isObjectLiteralExpression(literal) || ts.isArrayLiteralExpression(literal))) count++;
      if (ts.isVoidExpression(node) && ts.isArrayLiteralExpression(node.expression)) count++;
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return count;
}

const files = Object.keys(text);
const matching = (pattern) => files.filter((file) => pattern.test(text[file]));
const places = (pattern) =>
  files.flatMap((file) =>
    text[file].split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}`] : [])),
  );
const settingsFiles = files.filter((file) =>
  /(^src\/options\/|options\.ts$|settings\.ts$|flags\.ts$|option-kinds\.ts$|config-file\.ts$|alignment\/names\.ts$)/.test(
    file,
  ),
);
const functions = sources.flatMap(functionsOf).sort((a, b) => b.lines - a.lines);
const defaults = places(
  /\blambda\d?['"]?\s*(?::|=)\s*(?:1\.2\b|\{[^}]*default: 1\.2)|^\s*default: 1\.2,/,
).filter((place) => !place.startsWith('lab/'));
const entry = rootEntry();
const locks = lockNames();
const walk = walkParameter(program, join(root, 'src/alignment/align.ts'), 'align', name);
// What is read from files on the way (rows, tokens) is followed as well; these are the stays where settings are at home.
const home = walk.route.filter((file) => /^src\/(alignment|options|runs)\//.test(file));
const stays = home.filter((file, i) => file !== home[i - 1]);
const rooms = new Set(stays).size;

const rows = [
  ['files that name lambda', matching(/\blambda\b/i).length],
  ["places of lambda's default 1.2 in src", `${defaults.length}  (${defaults.join(', ')})`],
  [
    'lines of options and settings',
    `${settingsFiles.reduce((sum, file) => sum + text[file].split('\n').length - 1, 0)} in ${settingsFiles.length} files`,
  ],
  [
    'lines of src/cli',
    files
      .filter((file) => file.startsWith('src/cli/'))
      .reduce((sum, file) => sum + text[file].split('\n').length - 1, 0),
  ],
  ['lines of src, lab and bin', files.reduce((sum, file) => sum + text[file].split('\n').length - 1, 0)],
  ['names in the root entry', entry.length],
  ['functions over 100 lines', functions.filter((each) => each.lines > 100).length],
  [
    'longest function',
    functions
      .slice(0, 5)
      .map((each) => `${each.name} ${each.lines} (${each.file})`)
      .join(', '),
  ],
  ['names of locks', `${locks.length}  (${locks.join(', ')})`],
  ['literal spreads and void lists', literalSpreads()],
  [
    "align's options",
    `${walk.stays} stays in ${walk.rooms} files, ${walk.returns} returns to a file left before; ` +
      `in alignment, options and runs ${stays.length} stays in ${rooms} files, ${stays.length - rooms} returns`,
  ],
];
const width = Math.max(...rows.map(([label]) => label.length));
for (const [label, value] of rows) console.log(`${label.padEnd(width)}  ${value}`);
if (process.argv.includes('--route')) console.log(stays.join('\n'));
