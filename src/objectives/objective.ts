// What an objective is: a pure function from token log-probs to a scalar loss, written over traced tensors.
// It knows nothing of models, text or optimizers; the engine decides how sequences are run.
export interface Objective {
  readonly name: string;
}
