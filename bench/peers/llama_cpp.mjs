// Greedy generation with llama.cpp (node-llama-cpp, CPU), eight sequences in one batch: a peer of
// bench/generate.bench.ts that speaks the protocol of generate-worker.ts. Not a dependency of the project: run it
// with the folder in which `npm install node-llama-cpp` was run:  node llama_cpp.mjs FOLDER MODEL.gguf [threads] [slots]
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, modelPath, threads = '2', slots = '8'] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), 'package.json'));
const { getLlama } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href);

const llama = await getLlama({ gpu: false, maxThreads: Number(threads), logLevel: 'error' });
const model = await llama.loadModel({ modelPath });
const answer = (line) => void process.stdout.write(`${JSON.stringify(line)}\n`);
const context = await model.createContext({
  sequences: Number(slots),
  contextSize: 1024,
  batchSize: 1024,
  threads: Number(threads),
});
const sequences = Array.from({ length: Number(slots) }, () => context.getSequence());
answer({ ready: true });
const end = model.tokens.eos;
for await (const line of createInterface({ input: process.stdin })) {
  const { prompts, limits } = JSON.parse(line);
  const began = performance.now();
  const ids = new Array(prompts.length);
  let next = 0;
  await Promise.all(
    sequences.map(async (sequence) => {
      while (next < prompts.length) {
        const i = next++;
        await sequence.clearHistory();
        const made = [];
        for await (const token of sequence.evaluate(prompts[i], { temperature: 0 })) {
          made.push(token);
          if (made.length >= limits[i] || token === end) break;
        }
        ids[i] = made;
      }
    }),
  );
  answer({
    seconds: (performance.now() - began) / 1000,
    ids,
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  });
}
process.exit(0);
