// What `whetstone reproduce tune --train 60` chose on the development split; see its table for every point of the grid.
import type { Tuned } from './tuned.ts';

// user-interactions: the best point of the same grid with beta 0; dev/LOG.md, 2026-11-28.
export const tuned: Tuned = {
  source:
    'whetstone reproduce tune: 60 training and 200 development instructions, 1 seed, commit efdbee478401, 2026-11-28',
  methods: {
    'forward-prediction': {
      epochs: 2,
      learningRate: 0.004,
    },
    hindsight: {
      epochs: 8,
      learningRate: 0.016,
    },
    likelihood: {
      epochs: 16,
      learningRate: 0.004,
    },
    'feedback-conditional': {
      epochs: 8,
      learningRate: 0.016,
    },
    critique: {
      epochs: 16,
      learningRate: 0.008,
    },
    'ilf-mle': {
      epochs: 8,
      learningRate: 0.004,
    },
    'ilf-dpo': {
      beta: 0.3,
      epochs: 2,
      learningRate: 0.016,
    },
    dpo: {
      beta: 0.3,
      epochs: 4,
      learningRate: 0.004,
    },
    'self-distillation': {
      form: 'sampled',
      epochs: 4,
      learningRate: 0.008,
    },
    'user-interactions': {
      beta: 0,
      epochs: 2,
      learningRate: 0.016,
    },
    'dual-cut': {
      lambda: 1.1,
      epochs: 4,
      learningRate: 0.004,
    },
    cut: {
      lambda: 1.2,
      epochs: 4,
      learningRate: 0.004,
    },
  },
};
