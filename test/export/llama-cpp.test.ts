// Files that `export` writes, read by llama.cpp: log-probs and greedy text of every family are those of the engine, which
// are transformers'. Needs node-llama-cpp: npm run test:llama.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import type { Sequence } from '../../src/engine/index.ts';
import { exportAdapter, exportModel } from '../../src/export/index.ts';
import { rewriteModel } from '../../src/models/model-folder.ts';
import { modelDir, readJson, toSequence } from '../golden/golden.ts';
import type { GoldenSequence } from '../golden/golden.ts';
import { byteLetters } from './byte-letters.ts';

const folder = process.env['WHETSTONE_TEST_LLAMA'];

/** llama.cpp looks GELU up in a table of halves, so that Gemma's log-probs are as far from those of float32. */
const ofTable = 3e-3;

interface Config {
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
}

/** Golden models; fields that llama.cpp has not are changed, and the weights stay. */
const cases: readonly (readonly [family: string, change: object])[] = [
  ['llama2', {}],
  ['llama3', {}],
  ['llama-linear', {}],
  ['llama3-bf16-sharded', {}],
  ['mistral', {}],
  ['qwen2', {}],
  ['qwen3', {}],
  ['gemma', {}],
  ['granite', {}],
  ['phi3', {}],
  ['gptq-4', {}],
  ['smollm3', { no_rope_layers: [1, 1, 1], use_sliding_window: false, layer_types: null }],
  ['olmo2', { attention_bias: false }],
  ['gemma2', { attention_bias: false, tie_word_embeddings: true }],
  ['gemma3', { attention_bias: false, layer_types: Array(3).fill('sliding_attention') }],
];

// What of node-llama-cpp is used here.
interface Llama {
  loadModel(options: object): Promise<{
    createContext(options: object): Promise<Context>;
    tokenize(text: string, special: boolean): number[];
    dispose(): Promise<void>;
  }>;
  dispose(): Promise<void>;
}
interface Context {
  getSequence(): LlamaSequence;
  dispose(): Promise<void>;
}
interface LlamaSequence {
  controlledEvaluate(
    input: readonly (number | readonly [number, object])[],
  ): Promise<({ next?: { probabilities?: Map<number, number> } } | undefined)[]>;
  evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
  clearHistory(): Promise<void>;
}

describe.skipIf(folder === undefined)(
  folder === undefined ? 'GGUF files (skipped: npm run test:llama reads them with llama.cpp)' : 'GGUF files',
  () => {
    let llama: Llama;
    let dir: string;
    beforeAll(async () => {
      const require = createRequire(resolve(folder!, 'package.json'));
      const { getLlama } = (await import(pathToFileURL(require.resolve('node-llama-cpp')).href)) as {
        readonly getLlama: (options: object) => Promise<Llama>;
      };
      llama = await getLlama({ gpu: false, maxThreads: 1, logLevel: 'error', build: 'never' });
      dir = await mkdtemp(join(tmpdir(), 'whetstone-gguf-'));
    });
    afterAll(async () => {
      if (dir) await rm(dir, { recursive: true, force: true });
    });

    /** The golden model with its changes and a tokenizer, which it has not. */
    async function modelOf(family: string, change: object): Promise<string> {
      // llama.cpp looks into names: of "phi3" it expects certain tokens.
      const model = join(dir, `model-${cases.findIndex(([name]) => name === family)}`);
      const config = { ...readJson<Config>(family, 'config.json'), ...change };
      await rewriteModel(modelDir(family), model, {
        replace: (name) => (name === 'lm_head.weight' && config.tie_word_embeddings ? 'left out' : null),
      });
      await cp(join(modelDir(family), 'adapter'), join(model, 'adapter'), { recursive: true });
      await writeFile(join(model, 'config.json'), JSON.stringify(config));
      for (const [name, json] of Object.entries(byteLetters(config.vocab_size)))
        await writeFile(join(model, name), JSON.stringify(json));
      return model;
    }

    async function open(modelPath: string, adapter: string | null): Promise<Context> {
      const model = await llama.loadModel({ modelPath });
      return model.createContext({
        ...{ sequences: 1, contextSize: 256, batchSize: 256, threads: 1, flashAttention: false },
        ...{ experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' },
        ...(adapter !== null && { lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
      });
    }

    /** Log-probs of the response's tokens. */
    async function scored(sequence: LlamaSequence, { ids, responseStart }: Sequence): Promise<number[]> {
      await sequence.clearHistory();
      const asked = [...ids].map((id, at) =>
        at + 1 >= responseStart ? ([id, { generateNext: { probabilities: true } }] as const) : id,
      );
      const found = await sequence.controlledEvaluate(asked);
      return [...ids]
        .slice(responseStart)
        .map((id, i) => Math.log(found[responseStart - 1 + i]!.next!.probabilities!.get(id)!));
    }

    async function greedy(
      sequence: LlamaSequence,
      prompt: readonly number[],
      length: number,
    ): Promise<number[]> {
      await sequence.clearHistory();
      const made: number[] = [];
      for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        made.push(token);
        if (made.length === length) break;
      }
      return made;
    }

    it.each(cases)('%s', async (family, change) => {
      const model = await modelOf(family, change);
      const adapter = join(model, 'adapter');
      const file = (name: string): string => join(model, `${name}.gguf`);
      await exportModel(model, null, file('base'), { dtype: 'F32' });
      await exportAdapter(model, adapter, file('adapter'), {});
      await exportModel(model, adapter, file('merged'), { dtype: 'F32' });
      const sequences = readJson<GoldenSequence[]>(family, 'sequences.json').map(toSequence);
      // What is beyond a window differs, and the notes of the export say so.
      const window = { mistral: 8, phi3: 9 }[family] ?? Infinity;
      const within = sequences.filter(({ ids }) => ids.length <= window);
      const some = within.length > 0 ? within : [cut(sequences[0]!, window)];
      for (const [names, own] of [
        [['base', null], null],
        [['base', 'adapter'], adapter],
        [['merged', null], adapter],
      ] as const) {
        const engine = await openEngine({
          modelDir: model,
          threads: 1,
          ...(own !== null && { adapterDir: own }),
        });
        const context = await open(file(names[0]), names[1] && file(names[1]));
        const reader = context.getSequence();
        for (const sequence of some) {
          const [expected] = await engine.score([sequence]);
          const found = await scored(reader, sequence);
          found.forEach((x, i) =>
            expect(Math.abs(x - expected![i]!)).toBeLessThan(family.startsWith('gemma') ? ofTable : 1e-3),
          );
        }
        const prompt = [...some[0]!.ids].slice(0, 4);
        const [made] = await engine.generate([
          {
            prompt: Int32Array.from(prompt),
            sampling: { maxNewTokens: Math.min(64, window - 4), temperature: 0 },
          },
        ]);
        expect(await greedy(reader, prompt, made!.ids.length)).toEqual([...made!.ids]);
        await context.dispose();
        await engine.dispose();
      }
    });

    const cut = ({ ids, responseStart }: Sequence, length: number): Sequence => ({
      ids: ids.slice(0, length),
      responseStart: Math.min(responseStart, length - 2),
    });
  },
);
