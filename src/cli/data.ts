// whetstone data check and data convert: looking at judged files, and bringing them into the canonical form.
import type { TemplateArgs } from '../tokens/index.ts';
import { Command } from 'commander';
import { WhetstoneError } from '../errors.ts';
import type { CheckOptions, Format } from '../judgments/index.ts';
import { verbCommand } from './flags.ts';
import type { Given, Verb } from './flags.ts';
import { command } from '../options/tables/command.ts';
import { dataCheckTable, dataConvertTable } from '../options/verbs.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural, printable } from './terminal.ts';

interface Context {
  readonly stdout: Output;
}

export function dataCommand(context: Context, report: (running: Promise<number>) => Promise<void>): Command {
  return new Command('data')
    .summary('Check and convert files of judged responses')
    .description('Check and convert files of judged responses.')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addCommand(verbCommand(checkVerb, (given) => report(runCheck(given, context)), 'data check'))
    .addCommand(verbCommand(convertVerb, (given) => report(runConvert(given, context)), 'data convert'));
}

type CheckTable = typeof dataCheckTable & Pick<typeof command, 'show' | 'json'>;

const checkVerb: Verb<CheckTable> = {
  name: 'check',
  summary: 'Report counts, lengths and everything suspicious in a file of judged triplets',
  about: `Every finding names file, row and field. With --model, lengths in tokens and what the
cut-off does as well. Exit code 1 if any finding is an error: training on that row is
impossible or does harm.`,
  examples: [
    ['data check judged.jsonl', 'labels, lengths in characters, findings'],
    ['data check judged.jsonl --model ./model --cutoff_len 2048', 'lengths in tokens and truncation too'],
    ['data check judged.jsonl --json > report.json', 'the whole report as data'],
  ],
  table: { ...dataCheckTable, show: command.show, json: command.json },
  required: () => ['data'],
  together: () => [],
};

const convertVerb: Verb<typeof dataConvertTable> = {
  name: 'convert',
  summary: 'Write the canonical form of a file of judged triplets',
  about: `Reads JSON, JSONL, CSV, TSV and Parquet in the layouts it knows and writes rows of
instruction, input?, output, judgment (null = satisfactory), score?, revision?, id?.`,
  examples: [
    ['data convert shepherd.jsonl --out judged.jsonl', 'the layout is found from the columns'],
    ['data convert ratings.parquet --layout ultrafeedback --out judged.jsonl', 'or named'],
  ],
  table: dataConvertTable,
  required: () => ['data', 'out'],
  together: () => [],
};

async function runCheck({ values }: Given<CheckTable>, { stdout }: Context): Promise<number> {
  const { data, model, cutoffLen, json, show } = values;
  const { checkFile, formatReport, reportToJson } = await import('../judgments/index.ts');
  const lengths =
    model === null ? undefined : await lengthsIn(model, values.template, values.templateArgs ?? {});
  const vocabSize = model === null ? undefined : await vocabularyOf(model);
  const report = await checkFile(data, {
    ...reading(values),
    ...(lengths && { ...lengths, cutoffLength: cutoffLen, vocabSize }),
  });
  if (json) stdout.write(`${reportToJson(report)}\n`);
  else {
    const colors = colorsFor(stdout);
    const paint = { error: colors.red, warning: colors.yellow, note: colors.cyan };
    const style = {
      perKind: show === 0 ? Infinity : show,
      width: stdout.columns ?? 110,
      paint: (text: string, severity: keyof typeof paint) => paint[severity](text),
    };
    stdout.write(`${formatReport(report, style)}\n`);
  }
  return report.findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

async function lengthsIn(
  model: string,
  spec: string,
  args: TemplateArgs,
): Promise<Pick<CheckOptions, 'tokenLengths' | 'end'>> {
  const { tokenLengths } = await import('../judgments/index.ts');
  const { loadVoice } = await import('../generation/index.ts');
  const { responseEnd } = await import('../tokens/index.ts');
  const { tokenizer, template } = await loadVoice({ model, template: spec, args });
  return { tokenLengths: tokenLengths(tokenizer, template), end: await responseEnd(tokenizer, template) };
}

/** Undefined for a folder that has a tokenizer and no model that can be run: what can be counted there still is. */
async function vocabularyOf(model: string): Promise<number | undefined> {
  const { readDecoderConfig } = await import('../models/index.ts');
  return readDecoderConfig(model).then(
    ({ vocabSize }) => vocabSize,
    () => undefined,
  );
}

async function runConvert({ values }: Given<typeof dataConvertTable>, { stdout }: Context): Promise<number> {
  const { data, out, overwrite, skipInvalid } = values;
  const { describeProblem, labelOf, readTriplets, writeTriplets } = await import('../judgments/index.ts');
  const file = await readTriplets(data, { ...reading(values), onProblem: skipInvalid ? 'collect' : 'throw' });
  if (file.triplets.length === 0) {
    throw new WhetstoneError('EMPTY_FILE', 'no row can be converted', { file: data });
  }
  await writeTriplets(out, file.triplets, { overwrite });
  const negative = file.triplets.filter((triplet) => labelOf(triplet) === 'align-n').length;
  stdout.write(
    `${plural(file.triplets.length, 'triplet')} (${negative} align-n, ${file.triplets.length - negative} align-p) ` +
      `from ${plural(file.rows, 'row')} of layout ${file.layout} written to ${out}\n`,
  );
  for (const [reason, count] of Object.entries(file.skipped))
    stdout.write(`left out: ${count} (${reason})\n`);
  for (const problem of file.problems) stdout.write(`left out: ${printable(describeProblem(problem))}\n`);
  return 0;
}

const reading = ({ format, layout }: { format: string | null; layout: string | null }) => ({
  ...(format !== null && { format: format as Format }),
  ...(layout !== null && { layout }),
});
