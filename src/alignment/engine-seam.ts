// What an alignment run asks of an engine, as types only: tests put a stand-in behind it.
import type { Engine } from '../engine/engine.ts';

export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly rankStabilized: boolean;
  readonly dropout: number;
  readonly targetModules: readonly string[];
}

export interface OpenEngineOptions {
  readonly modelDir: string;
  /** PEFT adapter to start from; its rank, alpha and projections win over `lora`. */
  readonly adapterDir?: string;
  readonly lora?: LoraSettings | null;
  readonly seed?: number;
  readonly threads?: number;
  /** Sequences generated side by side. */
  readonly slots?: number;
  /** Recorded in saved adapters as the base model. */
  readonly baseModelName?: string;
}

export interface EngineDescription {
  readonly modelType: string;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly maxPositions: number;
  readonly vocabSize: number;
  readonly threads: number;
}

export interface OpenedEngine extends Engine {
  describe(): EngineDescription;
  /** Peak bytes of a training run whose longest sequence is this long. */
  estimateMemory(longest: { tokens: number; responseTokens: number }): number;
}

export type OpenEngine = (options: OpenEngineOptions) => Promise<OpenedEngine>;

/** The ONNX engine, loaded when first asked for. */
export const openOnnxEngine: OpenEngine = async (options) =>
  (await import('../engine/index.ts')).openEngine(options);
