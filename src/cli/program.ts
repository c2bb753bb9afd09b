// The command line as a whole: its verbs, how errors are shown, and the exit codes (0 done, 1 failed, 2 misused).
// Verbs load what they need when they run, so that --help is quick.
import { Command, CommanderError } from 'commander';
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { describeSystemError, isSystemError } from '../words/system-errors.ts';
import { alignVerb, runAlign } from './align.ts';
import { dataCommand } from './data.ts';
import { evaluateVerb, runEvaluate } from './evaluate.ts';
import { verbCommand } from './flags.ts';
import { generateVerb, runGenerate } from './generate.ts';
import { withModelFolder } from './hub-model.ts';
import { judgeVerb, runJudge } from './judge.ts';
import { onlineVerb, runOnline } from './online.ts';
import { suggestion } from '../options/suggest.ts';
import { mergeVerb, runMerge } from './merge.ts';
import { runScore, scoreVerb } from './score.ts';
import { runServe, serveVerb } from './serve.ts';
import type { Output } from './terminal.ts';
import { colorsFor, readable } from './terminal.ts';
import { runTrainJudge, trainJudgeVerb } from './train-judge.ts';

export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** In place of the ONNX engine; for tests. */
  readonly openEngine?: OpenEngine;
}

/** A verb that the program is given from outside, beside its own. */
export interface OtherVerb {
  /** Not among the verbs that `--help` lists. */
  readonly hidden?: boolean;
  /** Its command, whose actions hand what they are doing to `report`. */
  readonly command: (context: Context, report: (running: Promise<number>) => Promise<void>) => Command;
}

export const defaultContext: Context = { stdout: process.stdout, stderr: process.stderr };

/** Runs one command line, without "node whetstone", and returns the exit code. */
export async function main(
  argv: readonly string[],
  context: Context = defaultContext,
  others: readonly OtherVerb[] = [],
): Promise<number> {
  let code = 0;
  const report = (running: Promise<number>): Promise<void> => running.then((result) => void (code = result));
  const program = new Command('whetstone')
    .description('Aligns language models with written judgments of their responses.')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [verb]', 'show the help of a verb')
    .option('-V, --version', 'show the version')
    .allowExcessArguments()
    .addCommand(verbCommand(alignVerb, (given) => report(withModelFolder(given, context, runAlign))))
    .addCommand(verbCommand(scoreVerb, (given) => report(withModelFolder(given, context, runScore))))
    .addCommand(verbCommand(generateVerb, (given) => report(withModelFolder(given, context, runGenerate))))
    .addCommand(verbCommand(evaluateVerb, (given) => report(runEvaluate(given, context))))
    .addCommand(
      verbCommand(trainJudgeVerb, (given) => report(withModelFolder(given, context, runTrainJudge))),
    )
    .addCommand(verbCommand(serveVerb, (given) => report(withModelFolder(given, context, runServe))))
    .addCommand(verbCommand(mergeVerb, (given) => report(withModelFolder(given, context, runMerge))))
    .addCommand(verbCommand(onlineVerb, (given) => report(withModelFolder(given, context, runOnline))))
    .addCommand(verbCommand(judgeVerb, (given) => report(runJudge(given, context))))
    .addCommand(dataCommand(context, report))
    .addHelpText(
      'after',
      '\nStart with:\n  $ whetstone data check judged.jsonl\n  $ whetstone align judged.jsonl --model ./model --out ./run\n  $ whetstone score judged.jsonl --model ./model --adapter ./run/adapter',
    )
    .action(async () => {
      if (program.opts<{ version?: boolean }>().version) {
        const { versions } = await import('../runs/versions.ts');
        context.stdout.write(`${(await versions()).whetstone}\n`);
        return;
      }
      const [verb] = program.args;
      if (verb === undefined) program.help({ error: true });
      const known = program.commands.map((command) => command.name()).filter((name) => !hidden.has(name));
      const message = `there is no verb "${verb}"${suggestion(verb!, known)}`;
      throw new WhetstoneError('INVALID_OPTIONS', message, { hint: 'See "whetstone --help".' });
    });
  const hidden = new Set<string>();
  for (const other of others) {
    const command = other.command(context, report);
    if (other.hidden) hidden.add(command.name());
    program.addCommand(command, { hidden: other.hidden ?? false });
  }
  quiet(program, context);
  try {
    await program.parseAsync(underscored(program, argv), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    context.stderr.write(`${colorsFor(context.stderr).red('error')} ${readable(messageOf(error))}\n`);
    return error instanceof WhetstoneError && usageCodes.has(error.code) ? 2 : 1;
  }
}

const usageCodes = new Set([
  'OUT_EXISTS',
  'INVALID_OPTIONS',
  'INVALID_OPTION',
  'INVALID_CONFIG',
  'BAD_SCHEDULE',
]);

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

function quiet(command: Command, { stdout, stderr }: Context): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 110),
    getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 110),
  });
  for (const sub of command.commands) quiet(sub, { stdout, stderr });
}

/** Takes --lora-r for --lora_r, wherever that is an option of some verb. */
function underscored(program: Command, argv: readonly string[]): string[] {
  const known = new Set(allFlags(program));
  return argv.map((arg) => {
    const [, name, rest = ''] = /^(--[A-Za-z][\w-]*)(=[^]*)?$/.exec(arg) ?? [];
    const spelled = name === undefined ? '' : `--${name.slice(2).replaceAll('-', '_')}`;
    return known.has(spelled) ? spelled + rest : arg;
  });
}

const allFlags = (command: Command): string[] => [
  ...command.options.map((option) => option.long ?? ''),
  ...command.commands.flatMap(allFlags),
];
