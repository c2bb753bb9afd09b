// whetstone data check and data convert: looking at judged files, and bringing them into the canonical form.
import type { TemplateArgs } from '../tokens/index.ts';
import { Command } from 'commander';
import { WhetstoneError } from '../errors.ts';
import type { ChatFile, CheckOptions, Format, SoundTriplets, Triplet } from '../judgments/index.ts';
import type { Given, Verb } from './flags.ts';
import type { OnRead } from '../rows/input-file.ts';
import { command } from '../options/tables/command.ts';
import { dataCheckTable, dataConvertTable } from '../options/verbs/data.ts';
import { plural } from '../words/numbers.ts';
import { option } from '../words/option.ts';
import type { MakeCommand } from './program.ts';
import { leftOutLines, reasonsBeside, requireFree } from './left-out.ts';
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
revision?, id?. Chats without judgments (messages, ShareGPT's conversations, system and
history, recordings of "whetstone serve --record") become rows to judge.`,
  examples: [
    ['data convert shepherd.jsonl --out judged.jsonl', 'the layout is found from the columns'],
    ['data convert ratings.parquet --layout ultrafeedback --out judged.jsonl', 'or named'],
    ['data convert chats.jsonl --out to-judge.jsonl', 'OpenAI or ShareGPT chats, for "whetstone judge"'],
    ['data convert chats.jsonl --judge next-message --out judged.jsonl', 'judged by what the user said next'],
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
  const { vocabSize, maxPositions } = model === null ? {} : await contextOf(model);
  const report = await checkFile(data, {
    ...reading(values),
    ...(lengths && { ...lengths, cutoffLength: cutoffLen, vocabSize, maxPositions }),
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
  const judgments = await import('../judgments/index.ts');
  const { isSound, labelOf, rowsIn, writeLeftOut, writeRows } = judgments;
  // The standard output has no file beside it, so the reasons are told.
  const beside = reasonsBeside(out === '-' ? null : out);
  if (beside !== null && skipInvalid && !overwrite) await requireFree(beside);
  const file = await readToConvert(values, readingOn(screen));
  screen.endProgress();
  if (file.rowsOut.length === 0) {
    throw new WhetstoneError('EMPTY_FILE', 'no row can be converted', { file: data });
  }
  if (out === '-') {
    await requireOutput();
    for (const row of file.rowsOut) screen.row(row);
  } else await writeRows(out, file.rowsOut, { overwrite });
  if (beside !== null && file.leftOut.length > 0) await writeLeftOut(beside, file.leftOut);
  const refused = file.triplets.filter((triplet) => !isSound(triplet)).length;
  const judged = file.triplets.length > 0;
  const negative = file.triplets.filter((triplet) => labelOf(triplet) === 'align-n').length;
  const counts = `${negative} align-n, ${file.triplets.length - negative} align-p`;
  const words = [
    `${judged ? `${plural(file.triplets.length, 'triplet')} (${counts})` : plural(file.rowsOut.length, 'chat')} from ${plural(file.rows, 'row')} of layout ${file.layout} written to ${out === '-' ? 'standard output' : out}`,
    ...Object.entries(file.skipped).map(([reason, count]) => `left out: ${count} (${reason})`),
    ...(await leftOutLines(file.leftOut, beside)),
    ...(judged
      ? []
      : [
          'none has a judgment yet: "whetstone judge" writes them, or --judge next-message takes what the user said next',
        ]),
    ...(refused > 0
      ? [
          `data check and training refuse ${plural(refused, 'of these triplet', 'of these triplets')}; --skip_invalid leaves them out`,
        ]
      : []),
  ];
  const fields = {
    triplets: file.triplets.length,
    ...(!judged && { chats: file.rowsOut.length }),
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

interface ToConvert extends Pick<SoundTriplets, 'leftOut' | 'layout' | 'rows' | 'skipped'> {
  /** None where nothing is judged. */
  readonly triplets: readonly Triplet[];
  /** What is written. */
  readonly rowsOut: readonly object[];
}

type ConvertValues = Given<typeof dataConvertTable>['values'];

/** Judged rows, or chats without judgments as rows to judge, or judged by what the user said next. */
async function readToConvert(values: ConvertValues, onRead: OnRead): Promise<ToConvert> {
  const { data, judge, layout, skipInvalid } = values;
  const { canonicalRow, readChats, readSoundTriplets, readTriplets } = await import('../judgments/index.ts');
  const how = { ...reading(values), onRead };
  const chats =
    layout === null
      ? await readChats(data, { ...how, ...(skipInvalid && { onProblem: 'collect' as const }) })
      : null;
  if (chats !== null) return ofChats(chats, judge !== null, skipInvalid);
  if (judge !== null)
    throw new WhetstoneError('INVALID_OPTIONS', 'these rows are no chats without judgments', {
      file: data,
      options: ['judge'],
      hint: `Leave ${option('judge')} out: it is for rows of messages, or of ShareGPT's conversations, that have no judgment.`,
    });
  const read = skipInvalid
    ? await readSoundTriplets(data, { ...how, skipInvalid })
    : { ...(await readTriplets(data, how)), leftOut: [] };
  return { ...read, rowsOut: read.triplets.map(canonicalRow) };
}

async function ofChats(file: ChatFile, judged: boolean, skipInvalid: boolean): Promise<ToConvert> {
  const { asLeftOut, canonicalRow, nextMessages, separateSound, unjudgedRows } =
    await import('../judgments/index.ts');
  const unreadable = file.problems.map(asLeftOut);
  const about = { layout: file.layout, rows: file.rows };
  if (!judged) {
    const { found, skipped } = unjudgedRows(file.chats);
    return { ...about, triplets: [], rowsOut: found, skipped, leftOut: unreadable };
  }
  const { found, skipped } = nextMessages(file.chats);
  const { sound, leftOut } = skipInvalid
    ? separateSound(found, unreadable)
    : { sound: found, leftOut: unreadable };
  return { ...about, triplets: sound, rowsOut: sound.map(canonicalRow), skipped, leftOut };
}

/** What an earlier command left out is not written over. */
const reading = ({ format, layout }: { format: string | null; layout: string | null }) => ({
  ...(format !== null && { format: format as Format }),
  ...(layout !== null && { layout }),
});

/** Shows how far a file of rows is read. */
export const readingOn =
  (screen: Screen): OnRead =>
  (done, total) =>
    screen.progress({ what: 'reading', done, total, unit: 'bytes' });
