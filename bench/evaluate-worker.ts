// Our side of the evaluation benchmark: a request is {"groups": [{"context": [ids], "continuations": [[ids]...]}...]};
// the answer holds its seconds and the log-likelihoods (nats) of each group's continuations.
import { createInterface } from 'node:readline';
import { openEngine } from '../src/engine/index.ts';
import { peakMemory } from './peak-memory.ts';

interface Request {
  readonly groups: readonly { readonly context: number[]; readonly continuations: number[][] }[];
}

const [modelDir, threads = '2'] = process.argv.slice(2);
if (!modelDir) throw new Error('usage: evaluate-worker MODEL_DIR [threads]');
const engine = await openEngine({ modelDir, threads: Number(threads) });
const answer = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { groups } = JSON.parse(line) as Request;
  const began = performance.now();
  const scored = await engine.scoreContinuations(
    groups.map(({ context, continuations }) => ({
      context: Int32Array.from(context),
      continuations: continuations.map((ids) => Int32Array.from(ids)),
    })),
  );
  const seconds = (performance.now() - began) / 1000;
  const logLikelihoods = scored.map((group) =>
    group.map((tokens) => tokens.reduce((sum, logProb) => sum + logProb, 0)),
  );
  answer({ seconds, log_likelihoods: logLikelihoods, peak_rss_bytes: peakMemory() });
}
await engine.dispose();
