// The command line as a whole: its verbs, how errors are shown, and the exit codes (0 done, 1 failed, 2 misused, 3 waiting
// for a person).
// Verbs load what they need when they run, so that --help is quick.
import { Command, CommanderError } from 'commander';
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { suggestion } from '../options/suggest.ts';
import type { Table } from '../options/table.ts';
import { describeSystemError, isOutOfMemory, isSystemError, reasonOf } from '../words/system-errors.ts';
import { alignVerb, runAlign } from './align.ts';
import { readArguments } from './arguments.ts';
import { completionVerb, runCompletion } from './completion.ts';
import { dataCommand } from './data.ts';
import { evaluateVerb, runEvaluate } from './evaluate.ts';
import { verbCommand } from './flags.ts';
import type { Given, Verb } from './flags.ts';
import { exportVerb, runExport } from './export.ts';
import { generateVerb, runGenerate } from './generate.ts';
import { withModelFolder } from './hub-model.ts';
import { judgeVerb, runJudge } from './judge.ts';
import { onlineVerb, runOnline } from './online.ts';
import { doctorVerb, runDoctor } from './doctor.ts';
import { mergeVerb, runMerge } from './merge.ts';
import { pushVerb, runPush } from './push.ts';
import { reportVerb, runReport } from './report.ts';
import { runScore, scoreVerb } from './score.ts';
import { openScreen, sayError, withNames } from './screen.ts';
import type { Manner, Screen, Streams, VerbContext } from './screen.ts';
import { runServe, serveVerb } from './serve.ts';
import { runStudio, studioVerb } from './studio.ts';
import { waitingCode } from './signals.ts';
import { withStandardInput } from './standard-streams.ts';
import { readable, widthOf } from './terminal.ts';
import type { Output } from './terminal.ts';
import { runTrainJudge, trainJudgeVerb } from './train-judge.ts';

/** Where the program speaks. */
export interface Context extends Streams {
  /** In place of the ONNX engine; for tests. */
  readonly openEngine?: OpenEngine;
}

/** A verb's own work. Returns the process's exit code. */
export type Run<T> = (given: Given<T>, context: VerbContext) => Promise<number>;

/** The command of a verb, which runs it; `path` as it is typed, where that is more than its name. */
export type MakeCommand = <T extends Table>(verb: Verb<T>, run: Run<T>, path?: string) => Command;

/** A verb that the program is given from outside, beside its own. */
export interface OtherVerb {
  /** Not among the verbs that `--help` lists. */
  readonly hidden?: boolean;
  readonly command: (make: MakeCommand) => Command;
}

export const defaultContext: Context = { stdout: process.stdout, stderr: process.stderr };

/** Runs one command line, without "node whetstone", and returns the exit code. */
export async function main(
  argv: readonly string[],
  given: Context = defaultContext,
  others: readonly OtherVerb[] = [],
): Promise<number> {
  const { called, ...streams } = withNames(given);
  const context = { ...given, ...streams };
  const session = { code: 0, manner: { quiet: false, json: false }, literal: [] as readonly string[] };
  const make: MakeCommand = (verb, run, path) =>
    verbCommand(
      verb,
      async (asked) => {
        const screen = openScreen(context, session.manner, verb.tellsOnStderr?.(asked.values) ?? false);
        const { openEngine } = context;
        session.code = await withStandardInput(verb.table, asked.values, called, (values) =>
          run({ ...asked, values }, { screen, ...(openEngine && { openEngine }) }),
        )
          .catch((error: unknown) => sayWaiting(screen, error))
          .finally(() => screen.endProgress());
      },
      { ...(path !== undefined && { path }), literal: () => session.literal },
    );
  const program = programOf(make, others, context);
  quiet(program, context, session);
  const { args, ...how } = readArguments(program, argv);
  Object.assign(session, how);
  try {
    await program.parseAsync(args, { from: 'user' });
    return session.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const told = explained(error);
    sayError(context.stderr, told, messageOf(told), session.manner);
    return error instanceof WhetstoneError && usageCodes.has(error.code) ? 2 : 1;
  }
}

/** Says what nobody waited for: an error of a callback, or of a module that cannot be loaded. */
export function sayUncaught(error: unknown, stderr: Output = process.stderr): void {
  const told = explained(error);
  sayError(stderr, told, messageOf(told), { quiet: false, json: process.argv.includes('--json') });
}

function programOf(make: MakeCommand, others: readonly OtherVerb[], { stdout }: Context): Command {
  const program: Command = new Command('whetstone')
    .description('Aligns language models with written judgments of their responses.')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [verb]', 'show the help of a verb')
    .option('-V, --version', 'show the version')
    .allowExcessArguments()
    .addCommand(make(alignVerb, withModelFolder(runAlign)))
    .addCommand(make(reportVerb, withModelFolder(runReport)))
    .addCommand(make(scoreVerb, withModelFolder(runScore)))
    .addCommand(make(generateVerb, withModelFolder(runGenerate)))
    .addCommand(make(evaluateVerb, runEvaluate))
    .addCommand(make(trainJudgeVerb, withModelFolder(runTrainJudge)))
    .addCommand(make(studioVerb, withModelFolder(runStudio)))
    .addCommand(make(serveVerb, withModelFolder(runServe)))
    .addCommand(make(mergeVerb, withModelFolder(runMerge)))
    .addCommand(make(exportVerb, withModelFolder(runExport)))
    .addCommand(make(pushVerb, runPush))
    .addCommand(make(onlineVerb, withModelFolder(runOnline)))
    .addCommand(make(judgeVerb, runJudge))
    .addCommand(make(doctorVerb, runDoctor))
    .addCommand(dataCommand(make))
    .addCommand(
      make(
        completionVerb,
        runCompletion(() => program),
      ),
    )
    .addHelpText(
      'after',
      '\nStart with:\n  $ whetstone data check judged.jsonl\n  $ whetstone align judged.jsonl --model ./model --out ./run\n  $ whetstone score judged.jsonl --model ./model --adapter ./run/adapter',
    )
    .action(async () => {
      if (program.opts<{ version?: boolean }>().version) {
        const { versions } = await import('../runs/versions.ts');
        stdout.write(`${(await versions()).whetstone}\n`);
        return;
      }
      const [verb] = program.args;
      if (verb === undefined) program.help({ error: true });
      const known = program.commands.map((command) => command.name()).filter((name) => !hidden.has(name));
      const message = `there is no verb "${verb}"${suggestion(verb, known)}`;
      throw new WhetstoneError('INVALID_OPTIONS', message, { hint: 'See "whetstone --help".' });
    });
  const hidden = new Set<string>();
  for (const other of others) {
    const command = other.command(make);
    if (other.hidden) hidden.add(command.name());
    program.addCommand(command, { hidden: other.hidden ?? false });
  }
  return program;
}

/** A judge that waits for a person is no failure: what to do is said, and the exit code is its own. Others are thrown. */
function sayWaiting(screen: Screen, error: unknown): number {
  if (!(error instanceof WhetstoneError) || error.code !== 'JUDGE_WAITING') throw error;
  screen.endProgress();
  const { code, problem, place } = error;
  screen.result('waiting', { code, problem, file: place.file }, `waiting: ${readable(error.message)}`);
  return waitingCode;
}

const usageCodes = new Set([
  'OUT_EXISTS',
  'INVALID_OPTIONS',
  'INVALID_OPTION',
  'INVALID_CONFIG',
  'BAD_SCHEDULE',
]);

/** The error in words of our own where its message says what it is. */
function explained(error: unknown): unknown {
  if (error instanceof WhetstoneError || !isOutOfMemory(error)) return error;
  return new WhetstoneError('OUT_OF_MEMORY', `there is not enough memory (${reasonOf(error)})`, {
    cause: error,
    hint:
      'Close other programs, raise the limit of this one (ulimit -v, a container), or take a smaller model, ' +
      'shorter sequences or fewer of them at once.',
  });
}

/** The message alone; with WHETSTONE_DEBUG=1 the stack and the causes as well. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (process.env['WHETSTONE_DEBUG'] !== '1') {
    if (error instanceof WhetstoneError) return error.message;
    if (isSystemError(error)) return describeSystemError(error);
    return `${error.message}\n  This is a fault in Whetstone; WHETSTONE_DEBUG=1 shows where.`;
  }
  const cause = error.cause === undefined ? '' : `\ncaused by ${messageOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

/** The parser's own words go where ours go, and its complaints are errors like ours. */
function quiet(command: Command, context: Context, session: { readonly manner: Manner }): void {
  const { stdout, stderr } = context;
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    outputError: (text) => {
      const message = text.trim().replace(/^error: /, '');
      sayError(stderr, new WhetstoneError('INVALID_OPTIONS', message), message, session.manner);
    },
    getOutHelpWidth: () => Math.min(widthOf(stdout, 100), 110),
    getErrHelpWidth: () => Math.min(widthOf(stderr, 100), 110),
  });
  for (const sub of command.commands) quiet(sub, context, session);
}
