// Logistic regression of a few features on probabilities, with an L1 penalty chosen by cross-validation. Knows numbers
// only.

/** Rows of a regression: features [rows][features], targets in [0, 1] and weights >= 0, both [rows]. */
export interface RegressionRows {
  readonly features: readonly (readonly number[])[];
  readonly targets: readonly number[];
  readonly weights: readonly number[];
}

export interface CrossValidated {
  readonly coefficients: readonly number[];
  /** The inverse strength of the penalty that was chosen. */
  readonly c: number;
}

/** What scikit-learn's LogisticRegressionCV tries unless told otherwise: ten values from 1e-4 to 1e4. */
export const usualCs: readonly number[] = Array.from({ length: 10 }, (_, i) => 10 ** (-4 + (8 * i) / 9));

/** P(1) of a row: 1 / (1 + exp(-w x)). */
export const probability = (coefficients: readonly number[], features: readonly number[]): number =>
  1 / (1 + Math.exp(-dot(coefficients, features)));

/**
 * Fits on all rows with the C of `cs` whose log-likelihood of held-out rows, averaged within each of `folds` folds, is
 * largest in sum; of equals the first. Row i is held out in fold (rows - 1 - i) mod folds, as scikit-learn's GroupKFold
 * deals out groups of one size. Throws RangeError for fewer rows than folds.
 */
export function fitCrossValidated(
  rows: RegressionRows,
  folds: number = 5,
  cs: readonly number[] = usualCs,
): CrossValidated {
  const count = rows.targets.length;
  if (count < folds) throw new RangeError(`${folds} folds of ${count} rows`);
  const totals = cs.map(() => 0);
  for (let fold = 0; fold < folds; fold++) {
    const held = (i: number): boolean => (count - 1 - i) % folds === fold;
    const training = rowsWhere(rows, (i) => !held(i));
    const test = rowsWhere(rows, held);
    for (const [i, c] of cs.entries()) totals[i]! += meanLogLikelihood(test, fitLogistic(training, c));
  }
  let best = 0;
  for (const [i, total] of totals.entries()) if (total > totals[best]!) best = i;
  return { coefficients: fitLogistic(rows, cs[best]!), c: cs[best]! };
}

/** As is customary, probabilities closer to 0 or 1 than this count as that close. */
const leastProbability = 1e-15;

function meanLogLikelihood({ features, targets, weights }: RegressionRows, w: readonly number[]): number {
  let sum = 0;
  for (const [i, x] of features.entries()) {
    const q = Math.min(Math.max(probability(w, x), leastProbability), 1 - leastProbability);
    sum += weights[i]! * (targets[i]! * Math.log(q) + (1 - targets[i]!) * Math.log(1 - q));
  }
  return sum / features.length;
}

const mostSteps = 200;

/**
 * Minimises |w|_1 + C sum_i weight_i (p_i log(1 + e^-z_i) + (1 - p_i) log(1 + e^z_i)), z = X w, without intercept, by
 * proximal Newton steps with a line search: the problem that liblinear solves, to machine precision.
 */
export function fitLogistic(rows: RegressionRows, c: number): number[] {
  const penalty = 1 / c;
  let w = new Array<number>(rows.features[0]?.length ?? 0).fill(0);
  let value = objective(rows, w, penalty);
  for (let step = 0; step < mostSteps; step++) {
    const { gradient, hessian } = derivatives(rows, w);
    const direction = newtonDirection(w, gradient, hessian, penalty);
    const largest = Math.max(0, ...direction.map(Math.abs));
    if (largest <= 1e-12 * (1 + Math.max(0, ...w.map(Math.abs)))) break;
    const decrease =
      dot(gradient, direction) + penalty * (norm(w.map((each, j) => each + direction[j]!)) - norm(w));
    let moved = false;
    for (let length = 1; length > 1e-12 && !moved; length /= 2) {
      const next = w.map((each, j) => each + length * direction[j]!);
      const lower = objective(rows, next, penalty);
      if (lower <= value + 1e-4 * length * decrease) {
        [w, value, moved] = [next, lower, true];
      }
    }
    // Nothing lower can be told apart any more; what was left is of second order after this step.
    if (!moved || -decrease <= 1e-14 * value) break;
  }
  return w;
}

function objective(
  { features, targets, weights }: RegressionRows,
  w: readonly number[],
  penalty: number,
): number {
  let sum = penalty * norm(w);
  for (const [i, x] of features.entries()) {
    const z = dot(w, x);
    // log(1 + e^z) - p z.
    sum += weights[i]! * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - targets[i]! * z);
  }
  return sum;
}

function derivatives(
  { features, targets, weights }: RegressionRows,
  w: readonly number[],
): { readonly gradient: number[]; readonly hessian: number[][] } {
  const gradient = w.map(() => 0);
  const hessian = w.map(() => w.map(() => 0));
  for (const [i, x] of features.entries()) {
    const q = probability(w, x);
    const slope = weights[i]! * (q - targets[i]!);
    const curve = weights[i]! * q * (1 - q);
    for (const [j, xj] of x.entries()) {
      gradient[j]! += slope * xj;
      for (const [k, xk] of x.entries()) hessian[j]![k]! += curve * xj * xk;
    }
  }
  return { gradient, hessian };
}

/** Minimises g d + d H d / 2 + penalty |w + d|_1 coordinate by coordinate. */
function newtonDirection(
  w: readonly number[],
  gradient: readonly number[],
  hessian: readonly (readonly number[])[],
  penalty: number,
): number[] {
  const d = w.map(() => 0);
  // A coordinate that changes nothing at present still needs a finite step.
  const least = 1e-12 * Math.max(...hessian.map((row, j) => row[j]!), Number.MIN_VALUE);
  for (let sweep = 0; sweep < 1000; sweep++) {
    let change = 0;
    for (const [j, row] of hessian.entries()) {
      const curve = Math.max(row[j]!, least);
      const slope = gradient[j]! + dot(row, d);
      const at = softThreshold(w[j]! + d[j]! - slope / curve, penalty / curve) - w[j]!;
      change = Math.max(change, Math.abs(at - d[j]!));
      d[j] = at;
    }
    if (change <= 1e-14 * (1 + Math.max(...d.map(Math.abs)))) break;
  }
  return d;
}

const softThreshold = (value: number, by: number): number =>
  Math.sign(value) * Math.max(Math.abs(value) - by, 0);

const rowsWhere = (
  { features, targets, weights }: RegressionRows,
  is: (i: number) => boolean,
): RegressionRows => ({
  features: features.filter((_, i) => is(i)),
  targets: targets.filter((_, i) => is(i)),
  weights: weights.filter((_, i) => is(i)),
});

const norm = (w: readonly number[]): number => w.reduce((sum, each) => sum + Math.abs(each), 0);

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (const [i, each] of a.entries()) sum += each * b[i]!;
  return sum;
}
