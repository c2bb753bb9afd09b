// The methods of `align`, one table: what each is, which rows it needs, which sequences it runs, its objective and
// its settings. Knows triplets, roles and the names of settings; objectives are loaded when one is asked for.
import { WhetstoneError } from '../errors.ts';
import { withAdvantages } from '../judgments/advantages.ts';
import { preferencePairs } from '../judgments/pairs.ts';
import { withSiblings } from '../judgments/siblings.ts';
import { isPraise, labelOf, wordsOf } from '../judgments/triplet.ts';
import type { Triplet } from '../judgments/triplet.ts';
import type { Objective, Role } from '../objectives/objective.ts';
import type { MethodSetting, MethodSettings } from '../objectives/options.ts';
import { refuse } from '../options/check.ts';
import type { ChoiceSetting, Setting } from '../options/kinds.ts';
import { camelCase, snakeCase } from '../options/names.ts';
import type { Table } from '../options/table.ts';
import { method as methodTable, methodDefaults, objectiveSettings } from '../options/tables/method.ts';
import { promptKey } from '../rows/conversation.ts';
import type { AlignSettings } from './settings.ts';

export interface Method {
  /** Its name in tables. */
  readonly label: string;
  /** What it does, for a list of methods. */
  readonly title: string;
  /** The rows that it cannot do without, in words. */
  readonly needs: string;
  /** Whether a row is one of those. With `from: 'pairs'` it is asked of the pairs, and `from: 'revisions'` before any is written. */
  readonly usable: (triplet: Triplet, settings: MethodSettings) => boolean;
  /** What examples are made of: rows; rows with a revision, which the model writes where there is none; pairs of rows. */
  readonly from: 'rows' | 'revisions' | 'pairs';
  /** The sequences that a row needs; none where the method does not learn from it. */
  readonly roles: (triplet: Triplet, settings: MethodSettings) => readonly Role[];
  /** Settings that mean something to it, beside those that every run has. */
  readonly settings: readonly MethodSetting[];
  /** Where its defaults differ from the general ones. */
  readonly defaults: Partial<MethodSettings>;
  /**
   * Whose advantage each example gets, where the objective asks for one: that of the row's response over all responses to the
   * same instruction, or of its revision over the first attempts. See judgments/advantages.ts.
   */
  readonly advantageOf?: 'response' | 'revision';
  /** Whether a criticised row is to know a satisfactory response to the same prompt; see judgments/siblings.ts. */
  readonly siblings?: boolean;
  /** Its loss; hears its own settings only. */
  readonly objective: (settings: MethodSettings) => Promise<Objective>;
}

const rejected = (triplet: Triplet): boolean => labelOf(triplet) === 'align-n';
const satisfactory = (triplet: Triplet): boolean => labelOf(triplet) === 'align-p';
const hasWords = (triplet: Triplet): boolean => wordsOf(triplet) !== null;

const criticised = 'rows with a judgment that says what is wrong';
const worded = 'rows with a judgment in words';

const objectives = () => import('../objectives/index.ts');

/** Hindsight reads a satisfactory response after the data's own praise, else after the template's. */
const hindsightRoles = (triplet: Triplet): readonly Role[] =>
  rejected(triplet) || isPraise(wordsOf(triplet)) ? ['judged'] : ['praised'];

const revising: readonly MethodSetting[] = ['revisionMaxNewTokens', 'revisionTemperature'];

const builtIn = {
  cut: {
    label: 'CUT',
    title: 'Contrastive Unlikelihood Training: away from what a judgment is about',
    needs: criticised,
    usable: (triplet, { l1, alignN }) => (l1 || alignN ? rejected(triplet) : satisfactory(triplet)),
    from: 'rows',
    roles: (triplet) => (rejected(triplet) ? ['plain', 'judged'] : ['plain']),
    settings: objectiveSettings.cut,
    defaults: {},
    objective: async (settings) => (await objectives()).cut(settings),
  } satisfies Method as Method,
  'dual-cut': {
    label: 'DualCUT',
    title: 'CUT that also goes towards the tokens that praise makes likelier',
    needs: criticised,
    usable: rejected,
    from: 'rows',
    roles: (triplet, { alignP }) => {
      if (rejected(triplet)) return ['plain', 'judged', 'praised'];
      return alignP ? ['plain'] : [];
    },
    settings: objectiveSettings['dual-cut'],
    defaults: methodDefaults['dual-cut'],
    objective: async (settings) => (await objectives()).dualCut(settings),
  } satisfies Method as Method,
  likelihood: {
    label: 'likelihood of satisfactory answers',
    title: 'likelihood of the satisfactory responses',
    needs: 'satisfactory rows',
    usable: satisfactory,
    from: 'rows',
    roles: (triplet) => (satisfactory(triplet) ? ['plain'] : []),
    settings: ['normalize'],
    defaults: {},
    objective: async (settings) => (await objectives()).likelihood(settings),
  } satisfies Method as Method,
  'forward-prediction': {
    label: 'Forward Prediction',
    title: 'likelihood of every response, and of its judgment after it',
    needs: worded,
    usable: hasWords,
    from: 'rows',
    roles: (triplet) => (hasWords(triplet) ? ['plain', 'critique'] : ['plain']),
    settings: ['normalize'],
    defaults: {},
    objective: async (settings) => (await objectives()).forwardPrediction(settings),
  } satisfies Method as Method,
  hindsight: {
    label: 'Hindsight',
    title: 'likelihood of every response after its judgment or words of praise',
    needs: worded,
    usable: hasWords,
    from: 'rows',
    roles: hindsightRoles,
    settings: ['normalize'],
    defaults: {},
    objective: async (settings) => (await objectives()).hindsight(settings),
  } satisfies Method as Method,
  'feedback-conditional': {
    label: 'feedback-conditional policy',
    title: 'hindsight with all tokens alike, to be prompted with praise afterwards',
    needs: worded,
    usable: hasWords,
    from: 'rows',
    roles: hindsightRoles,
    settings: ['normalize'],
    defaults: methodDefaults['feedback-conditional'],
    objective: async (settings) => (await objectives()).feedbackConditional(settings),
  } satisfies Method as Method,
  critique: {
    label: 'critique fine-tuning',
    title: 'likelihood of the judgments: a model that judges',
    needs: worded,
    usable: hasWords,
    from: 'rows',
    roles: (triplet) => (hasWords(triplet) ? ['critique'] : []),
    settings: ['normalize'],
    defaults: {},
    objective: async (settings) => (await objectives()).critique(settings),
  } satisfies Method as Method,
  'ilf-mle': {
    label: 'ILF-MLE',
    title: "likelihood of better responses: the rows' revisions, or the model's own",
    needs: criticised,
    usable: rejected,
    from: 'revisions',
    roles: (triplet, { alignP }) => {
      if (rejected(triplet)) return triplet.revision === undefined ? [] : ['preferred'];
      return alignP ? ['plain'] : [];
    },
    settings: [...revising, 'alignP', 'normalize'],
    defaults: methodDefaults['ilf-mle'],
    objective: async ({ alignP, normalize }) => (await objectives()).ilfMle({ alignP, normalize }),
  } satisfies Method as Method,
  'ilf-dpo': {
    label: 'ILF-DPO',
    title: 'such better responses preferred over those that were judged',
    needs: criticised,
    usable: rejected,
    from: 'revisions',
    roles: (triplet) => (rejected(triplet) && triplet.revision !== undefined ? ['preferred', 'plain'] : []),
    settings: [...revising, 'beta', 'labelSmoothing'],
    defaults: {},
    objective: async ({ beta, labelSmoothing }) => (await objectives()).ilfDpo({ beta, labelSmoothing }),
  } satisfies Method as Method,
  dpo: {
    label: 'DPO',
    title: 'Direct Preference Optimization: the better of two responses preferred',
    needs: 'responses to one instruction unlike in score or label, or revisions',
    usable: () => true,
    from: 'pairs',
    roles: () => ['preferred', 'plain'],
    settings: ['beta', 'labelSmoothing'],
    defaults: {},
    objective: async (settings) => (await objectives()).dpo(settings),
  } satisfies Method as Method,
  'self-distillation': {
    label: 'self-distillation',
    title: 'towards what the model finds likely after its judged attempt',
    needs: criticised,
    usable: rejected,
    from: 'rows',
    roles: (triplet, { alignP }) => {
      if (rejected(triplet)) return ['plain', 'revising'];
      return alignP ? ['plain'] : [];
    },
    settings: objectiveSettings['self-distillation'],
    defaults: methodDefaults['self-distillation'],
    objective: async (settings) => (await objectives()).selfDistillation(settings),
  } satisfies Method as Method,
  sdpo: {
    label: 'SDPO',
    title: 'towards what the model finds likely having read the judgment alone',
    needs: criticised,
    usable: rejected,
    from: 'rows',
    siblings: true,
    roles: (triplet, { alignP }) => {
      if (rejected(triplet)) return ['plain', 'informed'];
      return alignP ? ['plain'] : [];
    },
    settings: objectiveSettings.sdpo,
    defaults: methodDefaults.sdpo,
    objective: async (settings) => (await objectives()).sdpo(settings),
  } satisfies Method as Method,
  'user-interactions': {
    label: 'user interactions',
    title: "each token by how what the user said next changes the model's mind",
    needs: worded,
    usable: hasWords,
    from: 'rows',
    roles: (triplet, { alignP }) => {
      if (hasWords(triplet)) return ['plain', 'forewarned'];
      return alignP ? ['plain'] : [];
    },
    settings: objectiveSettings['user-interactions'],
    defaults: methodDefaults['user-interactions'],
    objective: async (settings) => (await objectives()).userInteractions(settings),
  } satisfies Method as Method,
  'cepo-cut': {
    label: 'CUT with CEPO weights',
    title: 'CUT, tokens weighed by judgment against praise',
    needs: criticised,
    usable: rejected,
    from: 'rows',
    roles: (triplet, { alignP }) => {
      if (rejected(triplet)) return ['plain', 'judged', 'praised'];
      return alignP ? ['plain'] : [];
    },
    settings: objectiveSettings['cepo-cut'],
    defaults: {},
    objective: async (settings) => (await objectives()).cepoCut(settings),
  } satisfies Method as Method,
  'rltf-sd': {
    label: 'RLTF-SD',
    title: 'likelihood of revisions, by their reward over first attempts',
    needs: 'criticised rows with a revision that is judged in its own row',
    usable: ({ advantage }) => advantage !== undefined,
    from: 'rows',
    advantageOf: 'revision',
    roles: ({ advantage }) => (advantage === undefined ? [] : ['preferred']),
    settings: ['normalize'],
    defaults: {},
    objective: async (settings) => (await objectives()).rltfSd(settings),
  } satisfies Method as Method,
  'rltf-fm': {
    label: 'RLTF-FM',
    title: 'towards responses with more reward than others; predicts judgments',
    needs: 'rows unlike in score or label, or judgments in words',
    usable: (triplet) => hasWords(triplet) || (triplet.advantage ?? 0) !== 0,
    from: 'rows',
    advantageOf: 'response',
    roles: (triplet) => (hasWords(triplet) ? ['plain', 'critique'] : ['plain']),
    settings: objectiveSettings['rltf-fm'],
    defaults: {},
    objective: async (settings) => (await objectives()).rltfFm(settings),
  } satisfies Method as Method,
};

export type BuiltInMethod = keyof typeof builtIn;
/** One of the methods here, or one that was added. */
export type MethodName = BuiltInMethod | (string & {});

/** All methods, those that were added last. */
const registry = new Map<string, Method>(Object.entries(builtIn));

export const methodNames = (): readonly string[] => [...registry.keys()];

/**
 * Adds a method under a name of its own: `align({ method: name })` then trains with it, and records it. A run that
 * goes on needs it added again.
 *
 * Throws WhetstoneError `INVALID_OPTIONS` for a name that is taken or no name, and for settings that there are not.
 */
export function addMethod(name: string, row: Method): void {
  const unknown = row.settings.filter((key) => !Object.hasOwn(methodTable, snakeCase(key)));
  const problems = [
    registry.has(name) && `there is a method "${name}" already`,
    !/^[a-z][a-z0-9-]*$/.test(name) &&
      `expected a name of small letters, digits and hyphens, found "${name}"`,
    unknown.length > 0 && `there are no settings ${unknown.join(', ')}`,
  ];
  refuse(problems.filter((problem) => problem !== false).map((problem) => `method: ${problem}`));
  registry.set(name, row);
}

/** Throws WhetstoneError `INVALID_OPTIONS`, which lists the methods and what each needs. */
export function methodNamed(name: string): Method {
  const row = registry.get(name);
  if (row) return row;
  const lines = methodLines().map((line) => `\n    ${line}`);
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `there is no method "${name}"; the methods are${lines.join('')}`,
    { field: 'method' },
  );
}

/** Settings that belong to some methods and mean nothing to this one. */
export function foreignSettings(name: string): MethodSetting[] {
  const all = new Set([...registry.values()].flatMap(({ settings }) => settings));
  return [...all].filter((key) => !methodNamed(name).settings.includes(key));
}

/** Names of the methods that a setting belongs to. */
export const methodsWith = (setting: MethodSetting): string[] =>
  [...registry].filter(([, { settings }]) => settings.includes(setting)).map(([name]) => name);

/** The method's loss with its own settings; the others of `settings` are not for it. */
export function objectiveOf(name: string, settings: MethodSettings): Promise<Objective> {
  const row = methodNamed(name);
  const own = Object.entries(settings).filter(([key]) => row.settings.includes(key as MethodSetting));
  return row.objective(Object.fromEntries(own) as unknown as MethodSettings);
}

/** One line a method: its name, what it does, what it needs. */
export function methodLines(): string[] {
  const width = Math.max(...methodNames().map((name) => name.length));
  return [...registry].flatMap(([name, { title, needs }]) => [
    `${name.padEnd(width)}  ${title}`,
    `${''.padEnd(width)}  needs ${needs}`,
  ]);
}

/** A table with the methods that there are as the choices of its `method`; a setting of few is headed by their names. */
export function withMethods<T extends Table>(table: T): WithMethods<T> {
  const entries = Object.entries<Setting>(table).map(([name, setting]) => {
    const owners = methodsWith(camelCase(name) as MethodSetting);
    const few = owners.length > 0 && owners.length < registry.size / 2;
    return [name, few ? { ...setting, group: `For ${owners.join(', ')}` } : setting] as const;
  });
  return { ...(Object.fromEntries(entries) as T), method: methodSetting };
}

export type WithMethods<T> = Omit<T, 'method'> & { readonly method: MethodChoice };

interface MethodChoice extends ChoiceSetting {
  readonly default: string;
  readonly choices: readonly MethodName[];
}

const methodSetting: MethodChoice = {
  ...methodTable.method,
  group: 'Method',
  get choices() {
    return methodNames();
  },
  get explanation() {
    return methodLines();
  },
};

/** What a method makes examples of, given rows: these, with the advantages or siblings that it asks for, or the pairs that they make. */
export function lessonsFrom(name: string, rows: readonly Triplet[]): readonly Triplet[] {
  const { from, advantageOf, siblings } = methodNamed(name);
  if (from === 'pairs') return preferencePairs(rows);
  if (siblings) return withSiblings(rows);
  return advantageOf === undefined ? rows : withAdvantages(rows, advantageOf);
}

/** The rows that the method cannot do without: of `triplets` themselves or, for pairs, of the pairs they make. */
export function usableRows(
  name: string,
  triplets: readonly Triplet[],
  settings: AlignSettings,
): readonly Triplet[] {
  const { usable } = methodNamed(name);
  return lessonsFrom(name, triplets).filter((row) => usable(row, settings));
}

/** Throws WhetstoneError `UNSUITABLE_DATA` with what was found, if no row is what the method cannot do without. */
export function requireUsableRows(triplets: readonly Triplet[], settings: AlignSettings): void {
  if (usableRows(settings.method, triplets, settings).length > 0) return;
  const others = methodNames().filter((name) => usableRows(name, triplets, settings).length > 0);
  const file = settings.data ?? triplets[0]?.source.file;
  throw new WhetstoneError(
    'UNSUITABLE_DATA',
    `method "${settings.method}" needs ${methodNamed(settings.method).needs}; usable: 0 of ${describeRows(triplets)}`,
    {
      ...(file !== undefined && { file }),
      hint:
        others.length > 0
          ? `These rows have what these methods need: ${others.join(', ')}.`
          : 'Run "whetstone data check" on the file to see how its rows are labelled.',
    },
  );
}

/** "12 rows (4 satisfactory, 8 unsatisfactory; 0 with a score, 0 with a revision; 2 instructions with several responses)". */
export function describeRows(triplets: readonly Triplet[]): string {
  const count = (is: (triplet: Triplet) => boolean): number => triplets.filter(is).length;
  const responses = new Map<string, number>();
  for (const triplet of triplets) {
    const key = JSON.stringify(promptKey(triplet));
    responses.set(key, (responses.get(key) ?? 0) + 1);
  }
  const several = [...responses.values()].filter((times) => times > 1).length;
  const noun = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`;
  return (
    `${noun(triplets.length, 'row')} (${count(satisfactory)} satisfactory, ${count(rejected)} unsatisfactory; ` +
    `${count(({ score }) => score !== undefined)} with a score, ` +
    `${count(({ revision }) => revision !== undefined)} with a revision; ` +
    `${noun(several, 'instruction')} with several responses)`
  );
}
