// Follows one parameter through the calls that hand it on, in the order in which the code is written.
// A name counts as the parameter's when its initializer mentions one that does. Knows TypeScript's checker only.
import ts from 'typescript';

/**
 * The trip of the first parameter of `functionName` in `file`: how many stays in how many files, and how many of them
 * are returns to a file that had been left. A stay begins where a call hands it to another file than the call before
 * did. A function is walked once.
 */
export function walkParameter(program, file, functionName, nameOfFile) {
  const checker = program.getTypeChecker();
  const seen = new Set();
  const route = [];
  const enter = (source) => {
    const room = nameOfFile(source);
    if (route.at(-1) !== room) route.push(room);
  };

  const walk = (fn, mine) => {
    const source = fn.getSourceFile();
    enter(source);
    const isMine = (node) => {
      let found = false;
      const look = (each) => {
        if (found) return;
        if (ts.isIdentifier(each) && !isPropertyName(each) && mine.has(symbolOf(each))) found = true;
        else ts.forEachChild(each, look);
      };
      look(node);
      return found;
    };
    const visit = (node) => {
      if (ts.isFunctionLike(node) && node.parameters.length > 0 && ts.isCallExpression(node.parent)) {
        // A callback of something that is mine, such as triplets.map(...), sees my parts.
        if (isMine(node.parent.expression)) node.parameters.forEach((parameter) => bind(parameter.name));
      }
      ts.forEachChild(node, visit);
      if (
        (ts.isVariableDeclaration(node) || ts.isBindingElement(node)) &&
        node.initializer &&
        isMine(node.initializer)
      )
        bind(node.name);
      if (
        ts.isForOfStatement(node) &&
        isMine(node.expression) &&
        ts.isVariableDeclarationList(node.initializer)
      )
        node.initializer.declarations.forEach((each) => bind(each.name));
      if (!ts.isCallExpression(node)) return;
      const at = node.arguments.flatMap((argument, i) => (isMine(argument) ? [i] : []));
      if (at.length === 0) return;
      const target = functionOf(node.expression);
      if (target === null || target === fn) return;
      const key = `${target.getSourceFile().fileName}:${target.pos}`;
      const room = target.getSourceFile();
      if (seen.has(key)) enter(room);
      else {
        seen.add(key);
        const parameters = at.map((i) => target.parameters[i] ?? target.parameters.at(-1));
        walk(target, new Set(parameters.flatMap((parameter) => symbolsOf(parameter?.name))));
      }
    };
    const bind = (binding) => symbolsOf(binding).forEach((symbol) => mine.add(symbol));
    visit(fn.body);
  };

  const symbolOf = (identifier) => {
    const symbol = ts.isShorthandPropertyAssignment(identifier.parent)
      ? checker.getShorthandAssignmentValueSymbol(identifier.parent)
      : checker.getSymbolAtLocation(identifier);
    return symbol;
  };
  const symbolsOf = (binding) => {
    if (binding === undefined) return [];
    if (ts.isIdentifier(binding)) return [checker.getSymbolAtLocation(binding)].filter(Boolean);
    return binding.elements.flatMap((each) => (ts.isOmittedExpression(each) ? [] : symbolsOf(each.name)));
  };
  const functionOf = (expression) => {
    let symbol = checker.getSymbolAtLocation(
      ts.isPropertyAccessExpression(expression) ? expression.name : expression,
    );
    if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
    for (const declaration of symbol?.declarations ?? []) {
      if (declaration.getSourceFile().isDeclarationFile) return null;
      if (ts.isFunctionLike(declaration) && declaration.body) return declaration;
      const value = declaration.initializer;
      if (value && ts.isFunctionLike(value)) return value;
    }
    return null;
  };

  const start = program
    .getSourceFile(file)
    .statements.find((each) => ts.isFunctionDeclaration(each) && each.name?.text === functionName);
  walk(start, new Set(symbolsOf(start.parameters[0].name)));
  const first = new Set();
  let returns = 0;
  for (const room of route) {
    if (first.has(room)) returns++;
    first.add(room);
  }
  return { stays: route.length, rooms: first.size, returns, route };
}

const isPropertyName = (identifier) => {
  const { parent } = identifier;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === identifier) ||
    (ts.isPropertyAssignment(parent) && parent.name === identifier) ||
    (ts.isBindingElement(parent) && parent.propertyName === identifier)
  );
};
