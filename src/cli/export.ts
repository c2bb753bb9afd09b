// whetstone export: a model or an adapter as a file for other programs.
import { dirname, relative, resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { GgufDType } from '../export/index.ts';
import { exportTable } from '../options/verbs/models.ts';
import { bytesInWords, plural } from '../words/numbers.ts';
import type { Given, Verb } from './flags.ts';
import { requireFree } from './left-out.ts';
import type { VerbContext } from './screen.ts';
import { stoppable } from './signals.ts';

export const exportVerb: Verb<typeof exportTable> = {
  name: 'export',
  summary: 'Write a model or an adapter for llama.cpp and Ollama',
  about: `A model becomes one GGUF file with its tokenizer and chat template; with --adapter the
adapter becomes a file of its own, for llama-server's --lora, or with --merged is folded
into the model's. What llama.cpp would compute otherwise than the model is refused.`,
  examples: [
    ['export --model ./model --out model.gguf', 'the model alone'],
    [
      'export --model ./model --adapter ./run/adapter --out adapter.gguf',
      'llama-server -m model.gguf --lora adapter.gguf',
    ],
    [
      'export --model ./model --adapter ./run/adapter --merged --outtype q8_0 --out aligned.gguf --modelfile Modelfile',
      'one file, and how Ollama is to prompt it',
    ],
  ],
  table: exportTable,
  required: () => ['model', 'out'],
  together: ({ out, adapter, merged, modelfile }) => [
    ...(out !== undefined && !/\.gguf$/i.test(out)
      ? [{ keys: ['out'], message: 'expected a name that ends in .gguf' }]
      : []),
    ...(merged && adapter == null
      ? [{ keys: ['merged', 'adapter'], message: 'there is no adapter to merge' }]
      : []),
    ...(modelfile != null && adapter == null
      ? [{ keys: ['modelfile', 'adapter'], message: 'the prompt is that of an adapter, and none is given' }]
      : []),
    ...(modelfile != null && adapter != null && !merged
      ? [{ keys: ['modelfile', 'merged'], message: 'Ollama runs one model: fold the adapter into it' }]
      : []),
  ],
};

const dtypes: Readonly<Record<string, GgufDType>> = { f32: 'F32', f16: 'F16', q8_0: 'Q8_0' };

export async function runExport(
  { values }: Given<typeof exportTable>,
  { screen }: VerbContext,
): Promise<number> {
  const { model, adapter, out, merged, outtype, modelfile, overwrite } = values;
  for (const file of [out, modelfile]) if (file !== null && !overwrite) await requireFree(file);
  const { exportAdapter, exportModel } = await import('../export/index.ts');
  return stoppable(
    async (signal) => {
      const how = {
        signal,
        onNote: screen.note,
        onProgress: (done: number, total: number) =>
          screen.progress({ what: 'exported', done, total, unit: 'bytes' }),
      };
      const alone = adapter !== null && !merged;
      const written = await (
        alone
          ? exportAdapter(model, adapter, out, how)
          : exportModel(model, adapter, out, { ...how, dtype: dtypes[outtype]! })
      ).finally(() => screen.endProgress());
      if (modelfile !== null) await writeModelfile(modelfile, values);
      const what = alone ? 'adapter' : adapter === null ? 'model' : 'model with its adapter';
      const words = [
        `${what} (${written.architecture}, ${plural(written.tensors, 'tensor')}, ${bytesInWords(written.bytes)}) written to ${out}`,
        ...(modelfile === null ? [] : [`${modelfile}: ollama create NAME -f ${modelfile}`]),
      ];
      screen.tell('exported', { out, modelfile, ...written }, words.join('\n'));
    },
    (name) =>
      screen.aside('stopping', `${name}: stopping; nothing is left at ${out} that was not there before.`),
  );
}

async function writeModelfile(
  file: string,
  { model, adapter, out }: Given<typeof exportTable>['values'],
): Promise<void> {
  const { modelfile, readTrained } = await import('../run-report/index.ts');
  const { writeFileDurably } = await import('../durable/files.ts');
  const trained = await readTrained({ adapter: adapter!, model });
  if (trained === null)
    throw new WhetstoneError('ADAPTER', 'says nothing of how it was trained', { file: adapter! });
  const from = relative(dirname(resolve(file)), resolve(out)).replaceAll('\\', '/');
  await writeFileDurably(file, modelfile(trained, [`FROM ${/^\.?\.?\//.test(from) ? from : `./${from}`}`]));
}
