// Documents a second of ranking against a loop with transformers that scores the same requests, taking turns.
//   node scripts/run-ts.mjs bench/evaluate.bench.ts --model DIR --python PYTHON [--rounds 3] [--documents 8] [--threads 2]
// DIR comes from bench/peers/make_checkpoint.py. Contexts and continuations are random tokens with lengths as the
// benchmarks have them. The peers score one request at a time, as lm-evaluation-harness does with batch_size=1; eight
// at a time, padded; and one at a time with logits for the continuation only.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../src/random.ts';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    documents: { type: 'string', default: '8' },
    threads: { type: 'string', default: '2' },
    /** Kinds of work by the beginning of their names, comma-separated. */
    work: { type: 'string', default: '' },
    only: { type: 'string' },
  },
});
if (!args.model) throw new Error('--model is needed');
const [model, threads, documents] = [args.model, args.threads, Number(args.documents)];
const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as {
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
};

interface Group {
  readonly context: number[];
  readonly continuations: number[][];
}
interface Answer {
  readonly seconds: number;
  readonly log_likelihoods: number[][];
  readonly peak_rss_bytes: number;
}
interface Side {
  readonly name: string;
  ask(groups: readonly Group[]): Promise<Answer>;
  stop(): void;
}

/** Tokens of a context, continuations, and tokens of one: the middle of a range of a third up and down. */
const shapes: Record<string, readonly [context: number, continuations: number, length: number]> = {
  'ARC, 0 shots': [40, 4, 6],
  'ARC, 25 shots': [1000, 4, 6],
  'HellaSwag, 0 shots': [60, 4, 25],
  'HellaSwag, 10 shots': [950, 4, 25],
  'MMLU, 5 shots': [650, 4, 1],
  'TruthfulQA mc2': [230, 7, 14],
};

function groupsOf(kind: string, round: number): Group[] {
  const random = createRandom(round, kind.length);
  const [context, continuations, length] = shapes[kind]!;
  const about = (middle: number): number =>
    middle === 1 ? 1 : Math.max(1, Math.round(middle * (2 / 3 + random.float() * (2 / 3))));
  const ids = (count: number): number[] =>
    Array.from({ length: count }, () => random.below(config.vocab_size));
  return Array.from({ length: documents }, () => ({
    context: ids(Math.min(about(context), config.max_position_embeddings - 2 * length)),
    continuations: Array.from({ length: continuations }, () => ids(about(length))),
  }));
}

async function start(name: string, command: readonly string[]): Promise<Side> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value } = (await lines.next()) as { value: string | undefined };
      if (value === undefined) throw new Error(`${name} ended`);
      if (value.startsWith('{')) return JSON.parse(value);
    }
  };
  await next();
  return {
    name,
    ask: async (groups) => {
      child.stdin.write(`${JSON.stringify({ groups })}\n`);
      return (await next()) as Answer;
    },
    stop: () => void child.stdin.end(),
  };
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const furthest = (a: Answer, b: Answer): number =>
  Math.max(...a.log_likelihoods.flat().map((value, i) => Math.abs(value - b.log_likelihoods.flat()[i]!)));

const peer = [
  ...[args.python, fileURLToPath(new URL('../bench/peers/evaluate.py', import.meta.url))],
  ...['--model', model, '--threads', threads],
];
const commands: Record<string, readonly string[]> = {
  ours: [process.execPath, 'scripts/run-ts.mjs', 'bench/evaluate-worker.ts', model, threads],
  one: peer,
  batch: [...peer, '--batch', '8'],
  lean: [...peer, '--lean'],
};
const names = (args.only ?? Object.keys(commands).join(',')).split(',');
const sides: Side[] = [];
for (const name of names) sides.push(await start(name, commands[name]!));
console.log(
  `${cpus()[0]!.model}, ${threads} threads, ${documents} documents a round, load ${loadavg()[0]!.toFixed(2)}`,
);
for (const side of sides) await side.ask(groupsOf('ARC, 0 shots', 99).slice(0, 2));

for (const kind of Object.keys(shapes).filter((name) =>
  args.work.split(',').some((w) => name.startsWith(w)),
)) {
  const speeds = new Map<string, number[]>(names.map((name) => [name, []]));
  let [apart, peaks] = [0, ''];
  for (let round = 0; round < Number(args.rounds); round++) {
    const groups = groupsOf(kind, round);
    const answers: Answer[] = [];
    for (const [i] of sides.entries()) {
      const which = (i + round) % sides.length;
      answers[which] = await sides[which]!.ask(groups);
      speeds.get(sides[which]!.name)!.push(documents / answers[which].seconds);
    }
    apart = Math.max(apart, ...answers.map((answer) => furthest(answers[0]!, answer)));
    peaks = answers.map((a, i) => `${names[i]!} ${(a.peak_rss_bytes / 2 ** 30).toFixed(2)} GiB`).join(', ');
  }
  const ours = speeds.get(names[0]!)!;
  console.log(`${kind}: log-likelihoods at most ${apart.toExponential(1)} apart; peak ${peaks}`);
  for (const [name, list] of speeds) {
    const ratios = list.map((speed, i) => ours[i]! / speed);
    console.log(
      `  ${name.padEnd(6)} ${median(list).toFixed(2)} documents/s by median; ${names[0]!} is ` +
        `${median(ratios).toFixed(2)}x (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
    );
  }
}
for (const side of sides) side.stop();
