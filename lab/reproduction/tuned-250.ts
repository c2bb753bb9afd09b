// What `whetstone reproduce tune --train 250` chose on the development split; see its table for every point of the grid.
import type { Tuned } from './tuned.ts';

export const tuned: Tuned = {
  source:
    'whetstone reproduce tune: 250 training and 600 development instructions, 1 seed, commit 43486400c834+, 2026-11-23',
  methods: {
    'forward-prediction': {
      epochs: 1,
      learningRate: 0.002,
    },
    hindsight: {
      epochs: 4,
      learningRate: 0.008,
    },
    likelihood: {
      epochs: 4,
      learningRate: 0.008,
    },
    'feedback-conditional': {
      epochs: 4,
      learningRate: 0.008,
    },
    critique: {
      epochs: 4,
      learningRate: 0.008,
    },
    'ilf-mle': {
      epochs: 2,
      learningRate: 0.004,
    },
    'ilf-dpo': {
      beta: 0.3,
      epochs: 2,
      learningRate: 0.004,
    },
    dpo: {
      beta: 0.3,
      epochs: 2,
      learningRate: 0.002,
    },
    'self-distillation': {
      form: 'sampled',
      epochs: 2,
      learningRate: 0.004,
    },
    'user-interactions': {
      beta: 0.1,
      epochs: 2,
      learningRate: 0.008,
    },
    'dual-cut': {
      lambda: 1.1,
      epochs: 2,
      learningRate: 0.008,
    },
    cut: {
      lambda: 1.2,
      epochs: 2,
      learningRate: 0.004,
    },
  },
};
