// A function of a module of the user's as a judge. Knows how functions fail; not what this one does.
import { inParallel } from '../../durable/pool.ts';
import { WhetstoneError } from '../../errors.ts';
import { promptRow } from '../../rows/conversation.ts';
import type { PromptFields, PromptRow } from '../../rows/conversation.ts';
import { describe, isFields } from '../../rows/fields.ts';
import { excerpt } from '../../rows/text.ts';
import { outcomeOf, shortenTo, usageOf } from '../answers.ts';
import { comparisonOf } from '../compare/preference.ts';
import type { Comparer, PairRequest } from '../comparer.ts';
import { fileDigest } from './command-digest.ts';
import { whileWanted } from '../../durable/wanted.ts';
import { stoppedBy } from '../judge.ts';
import type { Judge, JudgeCall, JudgeRequest, JudgeUsage, Outcome, Unscored } from '../judge.ts';
import { loadModule } from './load-module.ts';
import type { JudgeSettings } from '../settings.ts';

export type ModuleSettings = Pick<JudgeSettings, 'concurrency' | 'timeout' | 'maxTokens' | 'onNote'>;

/** A row as programs of the user's get it; `messages` are the whole conversation, where more was said than the instruction. */
export type ProgramRow<Request extends PromptFields> = Omit<Request, keyof PromptFields> & PromptRow;

/**
 * What a module exports as default or as `judge`. Null, or words that begin with "perfect": satisfactory. `signal` is
 * aborted when nobody waits for the answer any more.
 */
export type JudgeFunction = (
  request: ProgramRow<JudgeRequest>,
  context: { readonly signal: AbortSignal },
) => string | null | Promise<string | null>;

/** What a module exports as `judgeAll`: judgments in the order of the requests, or `{ id, judgment }` in any. */
export type JudgeAllFunction = (
  requests: readonly ProgramRow<JudgeRequest>[],
  context: { readonly signal: AbortSignal },
) => readonly Answer[] | Promise<readonly Answer[]>;

/** What a module exports as `compare`: 1 where `output_1` is better, 2 where `output_2` is, 1.5 for a draw. */
export type CompareFunction = (
  request: ProgramRow<PairRequest>,
  context: { readonly signal: AbortSignal },
) => number | Promise<number>;

type Answer = string | null | { readonly id: string; readonly judgment: string | null };

/** Characters of what a module says of its own failure. */
const mostSaid = 500;

/** A module that fails on more than half of its first rows is broken, and the rows are not to blame. */
const trialRows = 20;

/**
 * Opens a .js, .mjs, .ts or .mts file that exports a function as default or as `judge` (a row at a time, `concurrency`
 * calls at once), or one as `judgeAll` (all rows of a call). A row whose call throws, answers with anything but words
 * or null, or takes longer than `timeout` seconds is unscored and says why. After an abort calls under way are waited
 * for: they may have been paid for.
 *
 * Throws WhetstoneError `FILE_NOT_FOUND`, and `JUDGE_FAILED` for a module that does not load or exports no function;
 * judging throws `JUDGE_FAILED` where most of the first 20 rows fail or `judgeAll` does.
 */
export async function openModuleJudge(path: string, settings: ModuleSettings): Promise<Judge> {
  const exported = functionOf(await loadModule(path), path);
  const digest = await fileDigest(path);
  const shorten = shortenTo(settings, path);
  if ('one' in exported) {
    const { one } = exported;
    const rows = createRowCalls(
      path,
      settings,
      (request: JudgeRequest, context) => one(requestOf(request), context),
      outcomeOf,
    );
    return {
      name: path,
      fingerprint: `module:${digest ?? ''}`,
      usage: rows.usage,
      judge: (requests, { onOutcome, signal }) =>
        rows.callAll(requests, (outcome) => onOutcome(shorten(outcome)), signal),
      close: () => Promise.resolve(),
    };
  }
  let calls = 0;
  const judge = async (requests: readonly JudgeRequest[], call: JudgeCall): Promise<void> => {
    if (call.signal?.aborted) stoppedBy(call.signal)(call.signal.reason);
    if (requests.length === 0) return;
    calls++;
    for (const outcome of await judgeAll(exported.all, requests, { path, ...settings }))
      await call.onOutcome(shorten(outcome));
  };
  return {
    name: path,
    fingerprint: `module:${digest ?? ''}`,
    judge: (requests, call) =>
      whileWanted(call.onOutcome, (onOutcome) => judge(requests, { ...call, onOutcome })),
    usage: () => usageOf(calls),
    close: () => Promise.resolve(),
  };
}

/**
 * Opens a module that exports `compare` (a pair at a time, `concurrency` calls at once) as a comparer; null where it
 * exports none. Throws otherwise as `openModuleJudge` does.
 */
export async function openModuleComparer(path: string, settings: ModuleSettings): Promise<Comparer | null> {
  const { compare } = await loadModule(path);
  if (typeof compare !== 'function') return null;
  const rows = createRowCalls(
    path,
    settings,
    ({ id, output_1, output_2, ...prompt }: PairRequest, context) =>
      (compare as CompareFunction)({ id, ...promptRow(prompt), output_1, output_2 }, context),
    comparisonOf,
  );
  const digest = await fileDigest(path);
  return {
    name: path,
    fingerprint: `pairs:module:${digest ?? ''}`,
    ordered: true,
    usage: rows.usage,
    compare: (pairs, { onComparison, signal }) => rows.callAll(pairs, onComparison, signal),
    close: () => Promise.resolve(),
  };
}

interface RowCalls<Request, Result> {
  callAll(
    requests: readonly Request[],
    onResult: (result: Result | Unscored) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void>;
  readonly usage: () => JudgeUsage;
}

/** Calls `one` for each row, `concurrency` at once; `read` makes the result of what it answers. */
function createRowCalls<Request extends { readonly id: string }, Result>(
  path: string,
  { concurrency, timeout }: ModuleSettings,
  one: (request: Request, context: { readonly signal: AbortSignal }) => unknown,
  read: (id: string, value: unknown) => Result | Unscored,
): RowCalls<Request, Result> {
  const trial = startTrial(path);
  let calls = 0;
  return {
    callAll: (requests, onResult, signal) =>
      whileWanted(onResult, async (handOne) => {
        const hand = async (results: readonly (Result | Unscored)[]): Promise<void> => {
          await Promise.all(results.map((result) => handOne(result)));
        };
        const held: (Result | Unscored)[] = [];
        const callOne = async (request: Request): Promise<void> => {
          calls++;
          let result: Result | Unscored;
          let failure: string | null = null;
          try {
            result = read(request.id, await inTime((context) => one(request, context), timeout));
          } catch (error) {
            failure = excerpt(error instanceof Error ? error.message : String(error), mostSaid);
            result = { id: request.id, unscored: `the module failed: ${failure}` };
          }
          trial.see(failure, request.id);
          if (trial.running && failure !== null) held.push(result);
          else await hand([...(trial.running ? [] : held.splice(0)), result]);
        };
        await inParallel(requests, concurrency, callOne, { signal });
        await hand(held.splice(0));
      }).catch(stoppedBy(signal)),
    usage: () => usageOf(calls),
  };
}

type Exported = { readonly one: JudgeFunction } | { readonly all: JudgeAllFunction };

function functionOf(module: Readonly<Record<string, unknown>>, file: string): Exported {
  if (typeof module['judgeAll'] === 'function') return { all: module['judgeAll'] as JudgeAllFunction };
  for (const name of ['default', 'judge'])
    if (typeof module[name] === 'function') return { one: module[name] as JudgeFunction };
  const found = Object.entries(module).map(([name, value]) => `${name} (${typeof value})`);
  throw new WhetstoneError(
    'JUDGE_FAILED',
    `expected a function as default export, or named "judge" or "judgeAll"; found ${found.join(', ') || 'no exports'}`,
    {
      file,
      hint: 'For instance: export default ({ instruction, output }) => output === "" ? "It is empty." : null;',
    },
  );
}

/** The fields of the contract alone, in an object of its own. */
const requestOf = ({ id, output, ...prompt }: JudgeRequest): ProgramRow<JudgeRequest> => ({
  id,
  ...promptRow(prompt),
  output,
});

async function judgeAll(
  all: JudgeAllFunction,
  requests: readonly JudgeRequest[],
  { path, timeout }: ModuleSettings & { path: string },
): Promise<Outcome[]> {
  const failed = (why: string, cause?: unknown): WhetstoneError =>
    new WhetstoneError('JUDGE_FAILED', `judgeAll of ${requests.length} rows: ${why}`, { file: path, cause });
  const answers: unknown = await inTime(
    async (context) => all(requests.map(requestOf), context),
    timeout,
  ).catch((cause: unknown) => {
    throw failed(excerpt(cause instanceof Error ? cause.message : String(cause), mostSaid), cause);
  });
  if (!Array.isArray(answers)) throw failed(`expected an array of judgments, found ${describe(answers)}`);
  const list = answers as readonly unknown[];
  if (list.length > 0 && list.every(isFields)) {
    const byId = new Map(list.map((answer) => [String(answer['id']), answer['judgment']]));
    return requests.map(({ id }) =>
      byId.has(id) ? outcomeOf(id, byId.get(id)) : { id, unscored: 'judgeAll gave no answer' },
    );
  }
  if (list.length !== requests.length) throw failed(`expected as many judgments, found ${list.length}`);
  return requests.map(({ id }, i) => outcomeOf(id, list[i]));
}

/** Rejects after that many seconds, and aborts the signal that the work was given. */
async function inTime<T>(
  work: (context: { readonly signal: AbortSignal }) => T | Promise<T>,
  seconds: number,
): Promise<T> {
  const unwanted = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const lost = new Promise<never>((_, reject) => {
    const late = (): void => {
      reject(new Error(`no answer within ${seconds} seconds`));
      unwanted.abort();
    };
    // Longer waits than a timer can count are no limit.
    if (seconds * 1000 < 2 ** 31) timer = setTimeout(late, seconds * 1000);
  });
  try {
    return await Promise.race([work({ signal: unwanted.signal }), lost]);
  } finally {
    clearTimeout(timer);
  }
}

interface Trial {
  /** Whether it is still open if the module is to be trusted. */
  readonly running: boolean;
  /** Throws WhetstoneError `JUDGE_FAILED` once too many of the first rows have failed. */
  see(failure: string | null, id: string): void;
}

function startTrial(file: string): Trial {
  let seen = 0;
  const failures: string[] = [];
  return {
    get running() {
      return seen < trialRows;
    },
    see: (failure, id) => {
      seen++;
      if (seen > trialRows) return;
      if (failure !== null) failures.push(`row ${id}: ${failure}`);
      if (failures.length <= trialRows / 2) return;
      throw new WhetstoneError(
        'JUDGE_FAILED',
        `${failures.length} of the first ${seen} rows failed; the first one, ${failures[0]}`,
        { file, hint: 'Mend the module and go on; these rows were not counted as unscored.' },
      );
    },
  };
}
