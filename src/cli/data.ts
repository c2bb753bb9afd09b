// whetstone data check and data convert: looking at judged files, and bringing them into the canonical form.
import type { TemplateArgs } from '../tokens/index.ts';
import { Command } from 'commander';
import { WhetstoneError } from '../errors.ts';
import type { CheckOptions, Format } from '../judgments/index.ts';
import type { Given, Verb } from './flags.ts';
import type { OnRead } from '../rows/input-file.ts';
import { command } from '../options/tables/command.ts';
import { dataCheckTable, dataConvertTable } from '../options/verbs.ts';
import { plural } from '../words/numbers.ts';
import { option } from '../words/option.ts';
import type { MakeCommand } from './program.ts';
import { requireOutput } from './rows-out.ts';
import type { Screen, VerbContext } from './screen.ts';

export function dataCommand(make: MakeCommand): Command {
  return new Command('data')
    .summary('Check and convert files of judged responses')
    .description('Check and convert files of judged responses.')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addCommand(make(checkVerb, runCheck, 'data check'))
    .addCommand(make(convertVerb, runConvert, 'data convert'));
}

type CheckTable = typeof dataCheckTable & Pick<typeof command, 'show'>;

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
  table: { ...dataCheckTable, show: command.show },
  required: () => ['data'],
  together: () => [],
};

const convertVerb: Verb<typeof dataConvertTable> = {
  name: 'convert',
  summary: 'Write the canonical form of a file of judged triplets',
  about: `Reads JSON, JSONL, CSV, TSV and Parquet in the layouts it knows and writes rows of
instruction, input?, output (or messages), judgment (null = satisfactory), score?,
revision?, id?.`,
  examples: [
    ['data convert shepherd.jsonl --out judged.jsonl', 'the layout is found from the columns'],
    ['data convert ratings.parquet --layout ultrafeedback --out judged.jsonl', 'or named'],
  ],
  table: dataConvertTable,
  tellsOnStderr: ({ out }) => out === '-',
  required: () => ['data', 'out'],
  together: () => [],
};

async function runCheck({ values }: Given<CheckTable>, { screen }: VerbContext): Promise<number> {
  const { data, model, cutoffLen, show } = values;
  await requireOutput();
  const { checkFile, formatReport } = await import('../judgments/index.ts');
  const lengths =
    model === null ? undefined : await lengthsIn(model, values.template, values.templateArgs ?? {});
  const { contextOf } = await import('../generation/index.ts');
  const context = model === null ? {} : await contextOf(model);
  const report = await checkFile(data, {
    ...reading(values),
    ...(lengths && { ...lengths, cutoffLength: cutoffLen, ...context }),
    onRead: readingOn(screen),
    onProgress: (done, total) => screen.progress({ what: 'row', done, total }),
  }).finally(() => screen.endProgress());
  const { colors } = screen;
  const paint = { error: colors.red, warning: colors.yellow, note: colors.cyan };
  const style = {
    perKind: show === 0 ? Infinity : show,
    width: screen.width,
    paint: (text: string, severity: keyof typeof paint) => paint[severity](text),
  };
  screen.result('report', report, formatReport(report, style));
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

async function runConvert(
  { values }: Given<typeof dataConvertTable>,
  { screen }: VerbContext,
): Promise<number> {
  const { data, out, overwrite, skipInvalid } = values;
  const {
    canonicalRow,
    isSound,
    labelOf,
    readSoundTriplets,
    readTriplets,
    rowsIn,
    writeLeftOut,
    writeTriplets,
  } = await import('../judgments/index.ts');
  // The standard output has no file beside it, so the reasons are told.
  const beside = out === '-' ? null : `${out}.left-out.jsonl`;
  if (beside !== null && skipInvalid && !overwrite) await requireFree(beside);
  const how = { ...reading(values), onRead: readingOn(screen) };
  const file = skipInvalid
    ? await readSoundTriplets(data, { ...how, skipInvalid })
    : { ...(await readTriplets(data, how)), leftOut: [] };
  screen.endProgress();
  if (file.triplets.length === 0) {
    throw new WhetstoneError('EMPTY_FILE', 'no row can be converted', { file: data });
  }
  if (out === '-') {
    await requireOutput();
    for (const triplet of file.triplets) screen.row(canonicalRow(triplet));
  } else await writeTriplets(out, file.triplets, { overwrite });
  if (beside !== null && file.leftOut.length > 0) await writeLeftOut(beside, file.leftOut);
  const refused = file.triplets.filter((triplet) => !isSound(triplet)).length;
  const negative = file.triplets.filter((triplet) => labelOf(triplet) === 'align-n').length;
  const counts = `${negative} align-n, ${file.triplets.length - negative} align-p`;
  const words = [
    `${plural(file.triplets.length, 'triplet')} (${counts}) from ${plural(file.rows, 'row')} of layout ${file.layout} written to ${out === '-' ? 'standard output' : out}`,
    ...Object.entries(file.skipped).map(([reason, count]) => `left out: ${count} (${reason})`),
    ...(file.leftOut.length > 0
      ? [
          `left out: ${plural(rowsIn(file.leftOut), 'row')} that data check refuses${beside === null ? '' : `; the reasons are in ${beside}`}`,
          ...(beside === null
            ? file.leftOut.map(({ row, field, reason }) => `row ${row} ${field}: ${reason}`)
            : []),
        ]
      : []),
    ...(refused > 0
      ? [
          `data check and training refuse ${plural(refused, 'of these triplet', 'of these triplets')}; --skip_invalid leaves them out`,
        ]
      : []),
  ];
  const fields = {
    triplets: file.triplets.length,
    align_n: negative,
    rows: file.rows,
    layout: file.layout,
    out,
    skipped: file.skipped,
    left_out: rowsIn(file.leftOut),
    refused,
  };
  screen.tell('converted', fields, words.join('\n'));
  return 0;
}

/** What an earlier command left out is not written over. */
async function requireFree(file: string): Promise<void> {
  const { exists } = await import('../durable/files.ts');
  if (!(await exists(file))) return;
  throw new WhetstoneError('FILE_EXISTS', 'the file exists already', {
    file,
    hint: `Choose another name for the output, or allow both to be replaced with ${option('overwrite')}.`,
  });
}

const reading = ({ format, layout }: { format: string | null; layout: string | null }) => ({
  ...(format !== null && { format: format as Format }),
  ...(layout !== null && { layout }),
});

/** Shows how far a file of rows is read. */
export const readingOn =
  (screen: Screen): OnRead =>
  (done, total) =>
    screen.progress({ what: 'reading', done, total, unit: 'bytes' });
