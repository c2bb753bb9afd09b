// What `whetstone reproduce tune --train 20` chose on the development split; see its table for every point of the grid.
import type { Tuned } from './tuned.ts';

// user-interactions: the best point of the same grid with beta 0; dev/LOG.md, 2026-11-28.
export const tuned: Tuned = {
  source:
    'whetstone reproduce tune: 20 training and 200 development instructions, 1 seed, commit 3bacfa109402+, 2026-11-28',
  methods: {
    'forward-prediction': {
      epochs: 24,
      learningRate: 0.008,
    },
    hindsight: {
      epochs: 48,
      learningRate: 0.016,
    },
    likelihood: {
      epochs: 48,
      learningRate: 0.004,
    },
    'feedback-conditional': {
      epochs: 48,
      learningRate: 0.016,
    },
    critique: {
      epochs: 48,
      learningRate: 0.008,
    },
    'ilf-mle': {
      epochs: 48,
      learningRate: 0.004,
    },
    'ilf-dpo': {
      beta: 0.3,
      epochs: 24,
      learningRate: 0.004,
    },
    dpo: {
      beta: 0.3,
      epochs: 24,
      learningRate: 0.004,
    },
    'self-distillation': {
      form: 'sampled',
      epochs: 6,
      learningRate: 0.016,
    },
    'user-interactions': {
      beta: 0,
      epochs: 6,
      learningRate: 0.016,
    },
    'dual-cut': {
      lambda: 1.1,
      epochs: 6,
      learningRate: 0.008,
    },
    cut: {
      lambda: 1.2,
      epochs: 12,
      learningRate: 0.008,
    },
  },
};
