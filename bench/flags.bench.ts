// How often CUT's detection agrees with float32's where the model computes in another precision: of the tokens that lie further
// than 2% from the threshold in float32, the share with the same flag. Log-probs, too.
//   node scripts/run-ts.mjs bench/flags.bench.ts [--only float16,int8,int8/int8,int4] [--model models/world-128]
//     [--triplets 300] [--device cpu]
// Over the golden families with their adapters, and over judged documents of the world that the model was not trained on.
// Prints a table.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { documents } from '../lab/world/index.ts';
import { encodeDocument } from '../lab/world/pretrain.ts';
import type { Device, Sequence } from '../src/engine/index.ts';
import { openEngine } from '../src/engine/index.ts';
import { loadTokenizer } from '../src/tokens/index.ts';
import type { GoldenTriplet } from '../test/golden/golden.ts';
import { goldenFamilies, toSequence } from '../test/golden/golden.ts';
import { optionsOf } from './precisions.ts';

const { values: args } = parseArgs({
  options: {
    only: { type: 'string', default: 'float16,int8,int8/int8,int4' },
    model: { type: 'string', default: 'models/world-128' },
    triplets: { type: 'string', default: '300' },
    lambda: { type: 'string', default: '1.2' },
    device: { type: 'string', default: 'cpu' },
  },
});

interface Pair {
  readonly plain: Sequence;
  readonly judged: Sequence;
}
interface Subject {
  readonly name: string;
  readonly model: string;
  readonly adapter: string | null;
  readonly pairs: readonly Pair[];
}

/** Log-probs of all pairs' response tokens after either prompt. */
async function look(
  { model, adapter, pairs }: Subject,
  precision: string,
): Promise<{ plain: number[]; judged: number[] }> {
  const engine = await openEngine({
    modelDir: model,
    ...(adapter !== null && { adapterDir: adapter }),
    device: args.device as Device,
    ...optionsOf(precision),
  });
  const scores = async (role: keyof Pair): Promise<number[]> =>
    (await engine.score(pairs.map((pair) => pair[role]))).flatMap((own) => [...own]);
  const found = { plain: await scores('plain'), judged: await scores('judged') };
  await engine.dispose();
  return found;
}

/** Of arXiv 2312.14591, Eq. 5, in log space: what the flag is the sign of. */
const margins = ({ plain, judged }: Awaited<ReturnType<typeof look>>): number[] =>
  judged.map((q, i) => q - plain[i]! - Math.log(Number(args.lambda)));

/** Beside this file, bundled or not. */
const modelDir = (family: string): string =>
  fileURLToPath(new URL(`../test/golden/models/${family}`, import.meta.url));
const tripletsOf = (family: string): GoldenTriplet[] =>
  (JSON.parse(readFileSync(`${modelDir(family)}/losses.json`, 'utf8')) as { triplets: GoldenTriplet[] })
    .triplets;

const families: Subject[] = goldenFamilies.map((family) => ({
  name: family,
  model: modelDir(family),
  adapter: `${modelDir(family)}/adapter`,
  pairs: tripletsOf(family).flatMap(({ plain, judged }) =>
    judged ? [{ plain: toSequence(plain), judged: toSequence(judged) }] : [],
  ),
}));

async function worldsPairs(): Promise<Pair[]> {
  const tokenizer = await loadTokenizer(args.model);
  const pairs: Pair[] = [];
  for (const document of documents(99)) {
    if (pairs.length === Number(args.triplets)) break;
    if (document.kind !== 'judged') continue;
    const prompt = document.prompt.replace(/\nJudgment: .*\nResponse:\n$/s, '\nResponse:\n');
    pairs.push({
      plain: await encodeDocument({ ...document, prompt }, tokenizer),
      judged: await encodeDocument(document, tokenizer),
    });
  }
  return pairs;
}

console.log('| model | precision | tokens beyond 2% | same flag | flagged | log-probs, nats: mean, most |');
console.log('| --- | --- | --- | --- | --- | --- |');
const world: Subject = { name: args.model, model: args.model, adapter: null, pairs: await worldsPairs() };
const reference = new Map<Subject, Awaited<ReturnType<typeof look>>>();
for (const subject of [...families, world]) reference.set(subject, await look(subject, 'float32'));
for (const precision of args.only.split(',')) {
  const report = async (name: string, subjects: readonly Subject[]): Promise<void> => {
    let [tokens, same, flagged, sum, most, count] = [0, 0, 0, 0, 0, 0];
    for (const subject of subjects) {
      const [expected, found] = [reference.get(subject)!, await look(subject, precision)];
      const own = margins(found);
      margins(expected).forEach((margin, i) => {
        if (Math.abs(Math.expm1(margin)) <= 0.02) return;
        tokens++;
        same += Number(margin > 0 === own[i]! > 0);
        flagged += Number(margin > 0);
      });
      for (const role of ['plain', 'judged'] as const)
        found[role].forEach((p, i) => {
          const apart = Math.abs(p - expected[role][i]!);
          [sum, most, count] = [sum + apart, Math.max(most, apart), count + 1];
        });
    }
    const share = `${((100 * same) / tokens).toFixed(2)}%`;
    console.log(
      `| ${name} | ${precision} | ${tokens} | ${share} | ${flagged} | ${(sum / count).toFixed(5)}, ${most.toFixed(4)} |`,
    );
  };
  await report(`${families.length} golden families`, families);
  await report(args.model, [world]);
}
