// Our side of the generation benchmark: a request is {"prompts": [[ids]...], "limits": [tokens...]}, answered
// greedily side by side; the answer holds its seconds and the new ids, and their log-probs with "log_probs": true.
import { createInterface } from 'node:readline';
import type { Device } from '../src/engine/index.ts';
import { openEngine } from '../src/engine/index.ts';
import { peakMemory } from './peak-memory.ts';
import { optionsOf } from './precisions.ts';
import type { GenerationWork } from './work.ts';

const [modelDir, threads = '2', slots = '8', precision = 'float32', device = 'cpu'] = process.argv.slice(2);
if (!modelDir) throw new Error('usage: generate-worker MODEL_DIR [threads] [slots] [precision] [device]');
const engine = await openEngine({
  modelDir,
  threads: Number(threads),
  slots: Number(slots),
  device: device as Device,
  ...optionsOf(precision),
});
const answer = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { prompts, limits, log_probs } = JSON.parse(line) as GenerationWork;
  const heard: number[][] = prompts.map(() => []);
  const began = performance.now();
  const made = await engine.generate(
    prompts.map((ids, i) => ({
      prompt: Int32Array.from(ids),
      sampling: { maxNewTokens: limits[i]!, temperature: 0 },
      ...(log_probs && {
        topLogProbs: 0,
        onToken: ({ logProb }: { logProb: number }) => void heard[i]!.push(logProb),
      }),
    })),
  );
  const seconds = (performance.now() - began) / 1000;
  const ids = made.map((each) => [...each.ids]);
  answer({ seconds, ids, log_probs: heard, peak_rss_bytes: peakMemory() });
}
await engine.dispose();
