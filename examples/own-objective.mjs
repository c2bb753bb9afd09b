// An objective of one's own: node examples/own-objective.mjs DATA MODEL [TEMPLATE]
// Flagged tokens are made less likely and the rest of an unsatisfactory response is left alone, where CUT keeps it
// likely. Written over traced tensors, it is differentiated and compiled with the model, as the built-in ones are.
import { align } from 'whetstone';
import { add, constant, greater, neg, stopGradient, where } from 'whetstone/graph';
import { log1mExp, tokenShares } from 'whetstone/objectives';

const unlikelihood = (lambda) => ({
  name: 'unlikelihood of flagged tokens',
  // How much each example's tokens weigh: fine responses by likelihood, the others by the comparison alone.
  weigh: (batch) => {
    const shares = tokenShares(
      batch.map(({ tokens }) => tokens.plain),
      'triplets',
    );
    return batch.map(({ rejected }, i) =>
      rejected
        ? { likelihood: {}, comparison: shares[i] }
        : { likelihood: { plain: shares[i] }, comparison: 0 },
    );
  },
  comparison: {
    over: 'tokens',
    // Who else reads the response: the model as it is being trained, after the prompt with the judgment.
    witnesses: [{ role: 'judged', model: 'present' }],
    // Log-probs of the same tokens after the plain prompt and as the witness sees them, [tokens] each.
    compare: (plain, [judged]) => {
      const flagged = greater(judged, add(stopGradient(plain), Math.log(lambda)));
      return { flagged, loss: neg(where(flagged, log1mExp(plain), constant(0, plain.dtype))) };
    },
  },
});

const [data, model, template = 'alpaca'] = process.argv.slice(2);
const objective = unlikelihood(1.2);
const run = align({ data, model, template, objective, maxSteps: 5, warmupSteps: 0 });
try {
  for await (const { step, loss, parts } of run) console.log(step, loss.toFixed(4), parts);
} finally {
  await run.dispose();
}
