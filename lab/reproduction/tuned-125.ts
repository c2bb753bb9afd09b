// What `whetstone reproduce tune --train 125` chose on the development split; see its table for every point of the grid.
// user-interactions was not tuned here: its settings are those for 250.
import type { Tuned } from './tuned.ts';

export const tuned: Tuned = {
  source:
    'whetstone reproduce tune: 125 training and 200 development instructions, 1 seed, commit 7f9f0c583a5d, 2026-11-28',
  methods: {
    'forward-prediction': {
      epochs: 1,
      learningRate: 0.004,
    },
    hindsight: {
      epochs: 4,
      learningRate: 0.008,
    },
    likelihood: {
      epochs: 8,
      learningRate: 0.008,
    },
    'feedback-conditional': {
      epochs: 8,
      learningRate: 0.004,
    },
    critique: {
      epochs: 8,
      learningRate: 0.016,
    },
    'ilf-mle': {
      epochs: 4,
      learningRate: 0.004,
    },
    'ilf-dpo': {
      beta: 0.3,
      epochs: 1,
      learningRate: 0.016,
    },
    dpo: {
      beta: 0.3,
      epochs: 2,
      learningRate: 0.004,
    },
    'self-distillation': {
      form: 'sampled',
      epochs: 1,
      learningRate: 0.016,
    },
    'user-interactions': {
      beta: 0.1,
      epochs: 2,
      learningRate: 0.008,
    },
    'dual-cut': {
      lambda: 1.1,
      epochs: 2,
      learningRate: 0.016,
    },
    cut: {
      lambda: 1.2,
      epochs: 4,
      learningRate: 0.008,
    },
  },
};
