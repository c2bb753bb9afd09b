// Thirty steps of training as a PyTorch loop took them (training.py), followed by an engine.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { cut, likelihood } from '../../src/objectives/index.ts';
import type { Objective } from '../../src/objectives/index.ts';
import type { GoldenTriplet } from './golden.ts';
import { toExample } from './golden.ts';

export interface Recipe {
  readonly kind: 'likelihood' | 'paper' | 'released-code';
  readonly settings: { lambda?: number; alpha?: number; gamma?: number };
  readonly normalize: 'triplets' | 'tokens';
}

export const objectiveOf = ({ kind, settings, normalize }: Recipe): Objective =>
  kind === 'likelihood'
    ? likelihood({ includeRejected: true, normalize })
    : cut({ preset: kind, ...settings, normalize });

interface Steps {
  recipe: Recipe & {
    batch_size: number;
    beta1: number;
    beta2: number;
    epsilon: number;
    weight_decay: number;
    max_grad_norm: number;
  };
  triplets: GoldenTriplet[];
  steps: {
    loss: number;
    l1: number;
    l2: number;
    flagged: number;
    contrasted: number;
    grad_norm: number;
    learning_rate: number;
  }[];
}

/** Takes the steps of `folder`/trajectory and expects losses, norms and flags of the loop. */
export async function followTrajectory(engine: Engine, folder: string): Promise<void> {
  const file = join(folder, 'trajectory', 'steps.json');
  const { recipe, triplets, steps } = JSON.parse(readFileSync(file, 'utf8')) as Steps;
  const objective = objectiveOf(recipe);
  for (const [k, golden] of steps.entries()) {
    const batch = Array.from(
      { length: recipe.batch_size },
      (_, i) => (k * recipe.batch_size + i) % triplets.length,
    );
    const metrics = await engine.step(
      batch.map((i) => toExample(triplets[i]!, i)),
      objective,
      {
        learningRate: golden.learning_rate,
        beta1: recipe.beta1,
        beta2: recipe.beta2,
        epsilon: recipe.epsilon,
        weightDecay: recipe.weight_decay,
        maxGradNorm: recipe.max_grad_norm,
      },
    );
    expect(Math.abs(metrics.loss - golden.loss) / Math.abs(golden.loss)).toBeLessThan(1e-3);
    expect(Math.abs(metrics.gradNorm - golden.grad_norm) / golden.grad_norm).toBeLessThan(1e-3);
    expect([metrics.flaggedTokens, metrics.comparedTokens]).toEqual([golden.flagged, golden.contrasted]);
  }
}
