// Symbolic dimensions: integers and polynomials of named sizes, in a canonical form that can be compared.
// Knows nothing of tensors.

/** A size that is known when the graph runs: a polynomial with integer coefficients, for instance 2*batch*seq. */
export interface SymbolicDim {
  /** Canonical text, equal exactly when two dimensions are equal. */
  readonly key: string;
  readonly terms: readonly Term[];
}

interface Term {
  readonly coefficient: number;
  /** Names of the factors, sorted; empty for the constant term. */
  readonly symbols: readonly string[];
}

export type Dim = number | SymbolicDim;
export type Shape = readonly Dim[];

/** A named size, such as `dim('tokens')`. */
export function dim(name: string): SymbolicDim {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error(`"${name}" is not a name for a dimension`);
  return { key: name, terms: [{ coefficient: 1, symbols: [name] }] };
}

export function addDims(a: Dim, b: Dim): Dim {
  return fromTerms([...termsOf(a), ...termsOf(b)]);
}

export function mulDims(...dims: readonly Dim[]): Dim {
  return dims.reduce<Dim>((product, factor) => {
    const terms = termsOf(product).flatMap((s) =>
      termsOf(factor).map((t) => ({
        coefficient: s.coefficient * t.coefficient,
        symbols: [...s.symbols, ...t.symbols].sort(),
      })),
    );
    return fromTerms(terms);
  }, 1);
}

export function sameDim(a: Dim, b: Dim): boolean {
  return dimKey(a) === dimKey(b);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => sameDim(d, b[i]!));
}

export function dimKey(d: Dim): string {
  return typeof d === 'number' ? String(d) : d.key;
}

/** "[batch, 2*seq, 64]" */
export function formatShape(shape: Shape): string {
  return `[${shape.map(dimKey).join(', ')}]`;
}

function termsOf(d: Dim): readonly Term[] {
  return typeof d === 'number' ? [{ coefficient: d, symbols: [] }] : d.terms;
}

function fromTerms(terms: readonly Term[]): Dim {
  const byMonomial = new Map<string, Term>();
  for (const term of terms) {
    const monomial = term.symbols.join('*');
    const known = byMonomial.get(monomial)?.coefficient ?? 0;
    byMonomial.set(monomial, { coefficient: known + term.coefficient, symbols: term.symbols });
  }
  const kept = [...byMonomial.entries()]
    .filter(([, term]) => term.coefficient !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, term]) => term);
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0]!.symbols.length === 0) return kept[0]!.coefficient;
  const key = kept
    .map(({ coefficient, symbols }) =>
      symbols.length === 0
        ? String(coefficient)
        : coefficient === 1
          ? symbols.join('*')
          : `${coefficient}*${symbols.join('*')}`,
    )
    .join('+');
  return { key, terms: kept };
}
