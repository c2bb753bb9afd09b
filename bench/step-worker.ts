// Our side of the training-step benchmark, speaking the protocol of the PyTorch peers (peers/README.md):
// a request is a JSON list of row numbers, trained on as one optimizer step; an answer holds its seconds. It trains an adapter
// by CUT, or with "everything" all weights on the likelihood of the responses. With "torch" for a precision the engine on
// PyTorch computes, in the Python of WHETSTONE_PYTHON; memory is then this process's alone.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Device, TokenExample } from '../src/engine/index.ts';
import { defaultAdamW, defaultLora, openEngine } from '../src/engine/index.ts';
import { openTorchEngine } from '../src/engine/torch/torch-engine.ts';
import { cut, likelihood } from '../src/objectives/index.ts';
import { optionsOf } from './precisions.ts';
import type { Row } from './work.ts';
import { readRows } from './work.ts';

const [modelDir, rowsFile, threads = '2', precision = 'float32', device = 'cpu', trained = 'adapter'] =
  process.argv.slice(2);
if (!modelDir || !rowsFile)
  throw new Error('usage: step-worker MODEL_DIR ROWS.json [threads] [precision] [device] [everything]');
const rows = readRows(rowsFile);

const toExample = ({
  index,
  plain_ids,
  plain_response_start,
  judged_ids,
  judged_response_start,
}: Row): TokenExample => ({
  index,
  rejected: judged_ids !== null,
  sequences: {
    plain: { ids: Int32Array.from(plain_ids), responseStart: plain_response_start },
    ...(judged_ids && {
      judged: { ids: Int32Array.from(judged_ids), responseStart: judged_response_start! },
    }),
  },
});

const memory = (): Record<string, number> => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return {
    peak_rss_bytes: bytes('VmHWM'),
    rss_anon_bytes: bytes('RssAnon'),
    rss_file_bytes: bytes('RssFile'),
  };
};
const answer = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const isWhole = trained === 'everything';
const options = {
  modelDir,
  lora: isWhole ? null : defaultLora,
  threads: Number(threads),
  device: device as Device,
};
const engine =
  precision === 'torch'
    ? await openTorchEngine(options, { engine: 'torch' })
    : await openEngine({ ...options, ...optionsOf(precision) });
const objective = isWhole ? likelihood({ normalize: 'tokens' }) : cut();
const optimizer = isWhole
  ? { ...defaultAdamW, learningRate: 1e-4, beta2: 0.98, weightDecay: 0.01 }
  : { ...defaultAdamW, learningRate: 4e-4 };
answer({ ready: true, rows: rows.length, ...memory() });
for await (const line of createInterface({ input: process.stdin })) {
  const chosen = (JSON.parse(line) as number[]).map((i) => toExample(rows[i]!));
  const began = performance.now();
  const { loss } = await engine.step(chosen, objective, optimizer);
  const tokens = chosen
    .flatMap(({ sequences }) => Object.values(sequences))
    .reduce((sum, { ids }) => sum + ids.length, 0);
  answer({ seconds: (performance.now() - began) / 1000, tokens, loss, ...memory() });
}
await engine.dispose();
