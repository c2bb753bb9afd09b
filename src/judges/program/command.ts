// A command that answers rows: they go as JSON lines to its standard input, answers come as JSON lines from its standard
// output, in any order. Knows this protocol and how commands fail; not what the command does.
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as afterOthers, setTimeout as sleep } from 'node:timers/promises';
import { promptRow } from '../../rows/conversation.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Fields } from '../../rows/fields.ts';
import { excerpt } from '../../rows/text.ts';
import { outcomeOf, shortenTo, usageOf } from '../answers.ts';
import { comparisonOf } from '../compare/preference.ts';
import type { Comparer, Comparison, PairRequest } from '../comparer.ts';
import { commandFingerprint } from './command-digest.ts';
import { expectAnswers } from './command-answers.ts';
import type { ExpectedAnswers } from './command-answers.ts';
import { whileWanted } from '../../durable/wanted.ts';
import type { Judge, JudgeRequest, JudgeUsage, Outcome, Unscored } from '../judge.ts';
import { readLines } from './lines.ts';
import { startGroup } from './process-group.ts';
import type { Ending, ProcessGroup } from './process-group.ts';
import type { JudgeSettings } from '../settings.ts';
import { note } from '../../words/note.ts';
import { printable } from '../../words/printable.ts';

export interface CommandSettings extends Pick<JudgeSettings, 'timeout' | 'maxTokens' | 'onNote'> {
  /** Where the command runs; default the present folder. */
  readonly cwd?: string;
  /** Hears the command's standard error; by default this process's own shows it, without control characters. */
  readonly onStderr?: (piece: Buffer) => void;
}

const longestLine = 64 << 20;
/** Seconds that a command has to end by itself after its last answer. */
const timeToEnd = 3;
/** Seconds after a stop that a command which minds SIGTERM has for the calls that it has under way. */
const timeToFinish = 30;
/** Milliseconds for what is still in the pipe of the standard error. */
const timeToFlush = 500;

/**
 * Opens a command as a judge, which is started once for each call of `judge`. It reads
 * `{ id, instruction, input?, messages?, output }`, a JSON object a line (`messages`: the whole conversation, where it
 * is one), and writes `{ id, judgment }` for each: null, or words that begin with "perfect", where the response is
 * satisfactory. Each answer is handed on as it arrives. `timeout` is in seconds without an answer.
 *
 * Rows without an answer are unscored if the command ends with exit code 0; otherwise `judge` throws `JUDGE_FAILED`
 * with the code and the last lines of the standard error. Lines that are no answer are counted and noted. After an abort
 * it is asked to end (SIGTERM), and what it still answers is kept; half a minute later it is made to.
 */
export async function openCommandJudge(command: string, settings: CommandSettings): Promise<Judge> {
  const { name, fingerprint, ask, usage, close } = await openCommand(command, judgments, settings);
  const shorten = shortenTo(settings, name);
  return {
    name,
    fingerprint,
    usage,
    close,
    judge: (requests, { onOutcome, signal }) =>
      ask(requests, (outcome) => onOutcome(shorten(outcome)), signal),
  };
}

/**
 * Likewise as a comparer: it reads `{ id, instruction, input?, messages?, output_1, output_2 }` and writes `{ id,
 * preference }`, a number from 1 (the first is better) to 2 (the second is), 1.5 for a draw.
 */
export async function openCommandComparer(command: string, settings: CommandSettings): Promise<Comparer> {
  const { name, fingerprint, ask, usage, close } = await openCommand(command, preferences, settings);
  return {
    name,
    usage,
    close,
    fingerprint: `pairs:${fingerprint}`,
    ordered: true,
    compare: (pairs, { onComparison, signal }) => ask(pairs, onComparison, signal),
  };
}

/** What is written for each row, and what an answer's fields mean. */
interface Protocol<Request extends { readonly id: string }, Answer> {
  readonly line: (request: Request) => object;
  readonly read: (id: string, answer: Fields, line: string) => Answer | Unscored;
}

const judgments: Protocol<JudgeRequest, Outcome> = {
  line: ({ id, output, ...prompt }) => ({ id, ...promptRow(prompt), output }),
  read: (id, answer, line) =>
    'judgment' in answer
      ? outcomeOf(id, answer['judgment'])
      : { id, unscored: `the answer has no field "judgment": ${line}` },
};

const preferences: Protocol<PairRequest, Comparison> = {
  line: ({ id, output_1, output_2, ...prompt }) => ({ id, ...promptRow(prompt), output_1, output_2 }),
  read: (id, answer, line) =>
    'preference' in answer
      ? comparisonOf(id, answer['preference'])
      : { id, unscored: `the answer has no field "preference": ${line}` },
};

interface Command<Request, Answer> {
  readonly name: string;
  readonly fingerprint: string;
  ask(
    this: void,
    requests: readonly Request[],
    onAnswer: (answer: Answer | Unscored) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void>;
  usage(this: void): JudgeUsage;
  close(this: void): Promise<void>;
}

async function openCommand<Request extends { readonly id: string }, Answer>(
  command: string,
  protocol: Protocol<Request, Answer>,
  settings: CommandSettings,
): Promise<Command<Request, Answer>> {
  const cwd = resolve(settings.cwd ?? '.');
  const fingerprint = await commandFingerprint(command, cwd);
  const running = new Set<ProcessGroup>();
  let sent = 0;
  return {
    name: `cmd: ${command}`,
    fingerprint,
    ask: async (requests, onAnswer, signal) => {
      if (signal?.aborted) throw stopped();
      if (requests.length === 0) return;
      const group = startGroup(command, cwd);
      running.add(group);
      try {
        await whileWanted(onAnswer, (hand) =>
          converse(
            command,
            group,
            protocol,
            { requests, onAnswer: hand, ...(signal && { signal }) },
            { ...settings, onSent: () => sent++ },
          ),
        );
      } finally {
        await group.end();
        running.delete(group);
      }
    },
    usage: () => usageOf(sent),
    close: async () => {
      await Promise.all([...running].map((group) => group.end()));
    },
  };
}

interface Conversation<Request, Answer> {
  readonly requests: readonly Request[];
  readonly onAnswer: (answer: Answer | Unscored) => Promise<void>;
  readonly signal?: AbortSignal;
}

async function converse<Request extends { readonly id: string }, Answer>(
  command: string,
  group: ProcessGroup,
  { line, read }: Protocol<Request, Answer>,
  { requests, onAnswer, signal }: Conversation<Request, Answer>,
  settings: CommandSettings & { readonly onSent: () => void },
): Promise<void> {
  const answers = expectAnswers(
    requests.map(({ id }) => id),
    read,
  );
  const stderr = keepTail(group, settings.onStderr ?? shownOnStderr());
  const patience = startPatience(settings.timeout);
  const abort = once(signal);
  const failed = (message: string, hint: string): WhetstoneError => {
    const lines = [message, ...answers.oddities(), ...stderr.describe()];
    return new WhetstoneError('JUDGE_FAILED', `${command}: ${lines.join('\n    ')}`, { hint });
  };

  void send(group, requests, line, { onSent: settings.onSent, signal });
  let allAnswered = (): void => {};
  const answered = new Promise<void>((done) => (allAnswered = done));
  const heard = hear(group, answers, async (outcomes) => {
    patience.pause();
    await Promise.all(outcomes.map((outcome) => onAnswer(outcome)));
    patience.go();
    if (answers.open.size === 0) allAnswered();
  });
  // Whichever comes first. What a command still writes after its last answer is read and of no interest.
  const wait = <T>(...events: Promise<T>[]): Promise<T | 'silent' | 'aborted'> =>
    Promise.race([...events, patience.lost, abort.happened]);
  try {
    const spoken = await wait(Promise.race([heard, answered]));
    const ending = typeof spoken === 'string' ? spoken : await wait(ended(group, answers.open.size === 0));
    if (ending === 'aborted') {
      group.askToEnd();
      await Promise.race([heard.catch(() => {}), sleep(timeToFinish * 1000, undefined, { ref: false })]);
      throw stopped();
    }
    if (ending === 'silent') {
      const message = `no answer for ${settings.timeout} seconds, ${answers.open.size} of ${requests.length} rows are open`;
      throw failed(message, 'If it needs longer, raise the timeout. The answers that came before are kept.');
    }
    await Promise.race([group.closed, sleep(timeToFlush, undefined, { ref: false })]);
    const bad = ending !== null && ending.code !== 0 ? describeEnding(ending) : null;
    if (answers.open.size > 0 && bad !== null) {
      const hint =
        ending?.code === 127
          ? 'The shell did not find the program: check its path.'
          : 'Mend the command and go on; the answers that came before are kept.';
      throw failed(`${bad}, ${answers.open.size} of ${requests.length} rows are open`, hint);
    }
    const notes = [
      ...answers.oddities(),
      bad ?? (ending === null ? 'did not end after its last answer' : ''),
    ];
    const told = notes.filter((note) => note !== '').join('; ');
    if (told !== '') settings.onNote(note('JUDGE_REMARK', `${command}: ${told}`));
    for (const id of answers.open) {
      await onAnswer({ id, unscored: ['the command gave no answer', ...answers.oddities()].join('; ') });
    }
  } finally {
    patience.pause();
    abort.end();
    heard.catch(() => {});
  }
}

/** Writes the rows as fast as the command takes them. One that closes its input early may still answer well. */
async function send<Request>(
  { child }: ProcessGroup,
  requests: readonly Request[],
  line: (request: Request) => object,
  { onSent, signal }: { readonly onSent: () => void; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const lines = function* (): Generator<string> {
    for (const request of requests) {
      if (signal?.aborted) return;
      onSent();
      yield `${JSON.stringify(line(request))}
`;
    }
  };
  await pipeline(Readable.from(lines()), child.stdin).catch(() => undefined);
}

/** Reads to the end of the output. While `onAnswers` is at work the command has to wait. */
async function hear<Answer>(
  { child }: ProcessGroup,
  answers: ExpectedAnswers<Answer>,
  onAnswers: (outcomes: readonly Answer[]) => Promise<void>,
): Promise<void> {
  const lines = readLines(longestLine);
  for await (const piece of child.stdout) {
    const outcomes = lines.push(piece as Buffer).flatMap((line) => answers.take(line));
    if (outcomes.length > 0) await onAnswers(outcomes);
    // One that writes without end must not keep timers and signals from being heard.
    await afterOthers();
  }
  const last = lines.end().flatMap((line) => answers.take(line));
  if (last.length > 0) await onAnswers(last);
}

/** How the shell ended; null if it does not although there is nothing left to do. */
function ended({ ended }: ProcessGroup, done: boolean): Promise<Ending | null> {
  return done ? Promise.race([ended, sleep(timeToEnd * 1000, null, { ref: false })]) : ended;
}

const describeEnding = ({ code, signal }: Ending): string =>
  code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;

const stopped = (): WhetstoneError =>
  new WhetstoneError('STOPPED', 'stopped while a command was judging; its answers so far are kept');

/** Passes a command's standard error on to this process's own: nothing in it moves the cursor or changes colours. */
function shownOnStderr(): (piece: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  return (piece) => process.stderr.write(printable(decoder.write(piece).replace(/\r\n?/g, '\n')));
}

const keptBytes = 8 << 10;
const shownLines = 10;
const longestSaid = 200;

/** Passes the standard error on and remembers its end. */
function keepTail(
  { child }: ProcessGroup,
  pass: (piece: Buffer) => void,
): { readonly describe: () => string[] } {
  let tail = Buffer.alloc(0);
  child.stderr.on('data', (piece: Buffer) => {
    pass(piece);
    tail = Buffer.concat([tail, piece]).subarray(-keptBytes);
  });
  return {
    describe: () => {
      const lines = tail.toString('utf8').trimEnd().split(/\r?\n/).slice(-shownLines);
      return lines.join('') === ''
        ? []
        : ['its last words on standard error:', ...lines.map((line) => `  ${excerpt(line, longestSaid)}`)];
    },
  };
}

interface Patience {
  /** Resolves when nothing was heard for too long. */
  readonly lost: Promise<'silent'>;
  pause(): void;
  /** Starts counting anew. */
  go(): void;
}

function startPatience(seconds: number): Patience {
  let lose = (): void => {};
  const lost = new Promise<'silent'>((resolve) => (lose = () => resolve('silent')));
  let timer: NodeJS.Timeout | undefined;
  const pause = (): void => clearTimeout(timer);
  const go = (): void => {
    pause();
    // Longer waits than a timer can count are no limit.
    if (seconds * 1000 < 2 ** 31) timer = setTimeout(lose, seconds * 1000);
  };
  go();
  return { lost, pause, go };
}

function once(signal: AbortSignal | undefined): { happened: Promise<'aborted'>; end: () => void } {
  let tell = (): void => {};
  const happened = new Promise<'aborted'>((resolve) => (tell = () => resolve('aborted')));
  signal?.addEventListener('abort', tell);
  if (signal?.aborted) tell();
  return { happened, end: () => signal?.removeEventListener('abort', tell) };
}
