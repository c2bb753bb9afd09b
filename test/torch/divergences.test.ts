// The formulas that the worker has of its own, held to those of src/objectives by values and gradients over random
// distributions, peaked ones among them.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { workerFolder } from '../../src/engine/torch/python.ts';
import { dim, grad, input, sum } from '../../src/graph/index.ts';
import { sdpo, selfDistillation } from '../../src/objectives/index.ts';
import type { DistributionComparison } from '../../src/objectives/objective.ts';
import { createRandom } from '../../src/random.ts';
import { maxDifference, relativeError } from '../golden/golden.ts';
import { python } from './engines.ts';

const [tokens, vocab] = [60, 50];

/** float32 [tokens, vocab] of log-probs; row by row flatter or more peaked. */
function distributions(seed: number): Float32Array {
  const random = createRandom(seed);
  const values = new Float32Array(tokens * vocab);
  for (let row = 0; row < tokens; row++) {
    const logits = Float64Array.from({ length: vocab }, () => (random.float() - 0.5) * (1 + row / 2));
    const top = Math.max(...logits);
    const total = top + Math.log(logits.reduce((all, x) => all + Math.exp(x - top), 0));
    values.set(
      logits.map((x) => x - total),
      row * vocab,
    );
  }
  return values;
}

const program = `
import json, sys, torch
from whetstone_torch.distillation import DIVERGENCES
vocab = int(sys.argv[1])
both = torch.frombuffer(bytearray(sys.stdin.buffer.read()), dtype=torch.float32).reshape(2, -1, vocab)
out = []
for name, settings in json.loads(sys.argv[2]):
    plain = both[0].clone().requires_grad_()
    loss = DIVERGENCES[name](plain, both[1], **settings)
    loss.sum().backward()
    out += [loss.detach().reshape(-1), plain.grad.reshape(-1)]
sys.stdout.buffer.write(torch.cat(out).numpy().tobytes())
`;

it.skipIf(python === undefined)(
  'divergences of the worker are those of the objectives',
  async () => {
    const [plain, teacher] = [distributions(1), distributions(2)];
    const comparisons = [
      selfDistillation({ form: 'full', divergence: 'reverse-kl' }),
      selfDistillation({ form: 'full', divergence: 'forward-kl' }),
      selfDistillation({ form: 'full', divergence: 'jensen-shannon' }),
      sdpo({ topTokens: 7, mixture: 0.3 }),
      sdpo({ topTokens: vocab }),
    ].map(({ comparison }) => comparison as DistributionComparison);
    const asked = JSON.stringify(
      comparisons.map(({ divergence, divergenceSettings = {} }) => [divergence, divergenceSettings]),
    );
    const sent = Buffer.concat([plain, teacher].map(({ buffer }) => Buffer.from(buffer)));
    const { stdout, stderr, status } = spawnSync(python!, ['-c', program, String(vocab), asked], {
      input: sent,
      env: { ...process.env, PYTHONPATH: workerFolder() },
      maxBuffer: 1 << 26,
    });
    expect(status, stderr.toString()).toBe(0);
    const said = new Float32Array(new Uint8Array(stdout).buffer);
    let at = 0;
    for (const comparison of comparisons) {
      const name = comparison.divergence;
      const [p, t] = ['p', 't'].map((each) => input(each, 'float32', [dim('n'), vocab]));
      const loss = comparison.compare(p!, t!);
      const [slope] = grad(sum(loss), [p!]);
      const session = await compile({ loss, slope: slope! }, { threads: 1 });
      const dims = [tokens, vocab];
      const here = await session.run({ p: { data: plain, dims }, t: { data: teacher, dims } });
      await session.release();
      const values = said.subarray(at, (at += tokens));
      expect(maxDifference(values, here['loss']!), name).toBeLessThan(2e-5);
      expect(Math.max(...values)).toBeGreaterThan(0.1);
      expect(relativeError(said.subarray(at, (at += tokens * vocab)), here['slope']!), name).toBeLessThan(
        1e-5,
      );
    }
    expect(at).toBe(said.length);
  },
  120_000,
);
