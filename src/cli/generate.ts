// whetstone generate: continues prompts with a model, with or without an adapter.
import { computeOf } from '../engine/open-weights.ts';
import { sourceProblems } from '../generation/settings.ts';
import { escapeHelp, readEscapes } from './escapes.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import type { Problem } from '../options/check.ts';
import { bothWays } from '../options/resume.ts';
import { generateTable } from '../options/verbs/answering.ts';
import { plural } from '../words/numbers.ts';
import { openRowsOut, runKept, toStandardOutput } from './rows-out.ts';
import type { VerbContext } from './screen.ts';

type GenerateTable = WithConfig<typeof generateTable>;

export const generateVerb: Verb<GenerateTable> = {
  name: 'generate',
  summary: 'Let a model respond to instructions',
  about: `Give one of --instruction (put into the prompt template), --prompt (continued as it
stands) or --file. A single response is printed as it grows. Each depends on its own prompt
and the seed only, not on the others beside it. Temperature 0, the default, always takes the
likeliest token.`,
  examples: [
    ['generate --model ./model --adapter ./run/adapter --instruction "Name three rivers."', 'one response'],
    ['generate --model ./model --file instructions.txt --out responses.jsonl', 'many, as data'],
    [
      'generate --model ./model --adapter ./run/adapter --file instructions.txt --judgment "Perfect."',
      'prompted with praise, for models aligned by hindsight or feedback-conditional',
    ],
    [
      'generate --model ./model --prompt "Once upon a time" --temperature 0.8 --top_p 0.95',
      'a sampled continuation',
    ],
    [
      String.raw`generate --model ./model --prompt "1, 2, 3" --stop '\n,\u002c 5'`,
      'up to the end of the line, or to ", 5"',
    ],
  ],
  table: withConfig(generateTable),
  tellsOnStderr: ({ out }) => toStandardOutput(out),
  required: () => ['model'],
  together: (given) => [
    ...bothWays(given, 'rows'),
    ...sourceProblems(given, 'instruction', 'prompt'),
    ...stopProblems(given),
  ],
};

export const stopProblems = ({ stop }: { readonly stop?: readonly string[] | null }): Problem[] =>
  (stop ?? [])
    .filter((text) => readEscapes(text) === null)
    .map((text) => ({ keys: ['stop'], message: `no text in ${JSON.stringify(text)}: ${escapeHelp}` }));

export async function runGenerate(
  { values, given }: Given<GenerateTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { instruction, prompt, out } = values;
  const { generate } = await import('../generation/index.ts');
  const rowsOut = await openRowsOut(out, values.file, screen);
  const { bold, dim } = screen.colors;
  // A single response is printed as it grows.
  const single = out === null && values.file === null;
  let rows = 0;
  const code = await runKept({ out: rowsOut.file, noun: 'response' }, screen, async (reporting) => {
    const made = generate({
      model: values.model,
      adapter: values.adapter,
      file: values.file,
      judgment: values.judgment,
      template: values.template,
      templateArgs: values.templateArgs,
      maxNewTokens: values.maxNewTokens,
      generationConfig: values.generationConfig,
      temperature: given.temperature,
      topP: given.topP,
      topK: given.topK,
      minP: given.minP,
      repetitionPenalty: given.repetitionPenalty,
      frequencyPenalty: values.frequencyPenalty,
      presencePenalty: values.presencePenalty,
      minTokens: values.minTokens,
      seed: values.seed,
      ...computeOf(values),
      resume: values.resume,
      overwrite: values.overwrite,
      instructions: instruction === null ? undefined : [instruction],
      prompts: prompt === null ? undefined : [prompt],
      stop: values.stop?.map((text) => readEscapes(text)!) ?? null,
      out: rowsOut.file,
      onText: single ? ({ text }) => screen.piece(text) : undefined,
      onNote: screen.note,
      openEngine,
      ...reporting,
    });
    for await (const row of made) {
      rows++;
      const cutOff = row.finished ? '' : dim(' … (stopped at --max_new_tokens)');
      if (single) screen.result('response', row, cutOff);
      else if (out === null) {
        const asked = `${bold(`#${row.index}`)} ${dim(row.instruction)}`;
        screen.result('response', row, `${asked}\n${row.output}${cutOff}\n`);
      } else await rowsOut.write(row);
    }
  });
  if (code === 0 && !toStandardOutput(out))
    screen.tell('done', { responses: rows, out }, `${plural(rows, 'response')} written to ${out}`);
  return code;
}
