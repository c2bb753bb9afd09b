// The Engine interface: what any training back end offers to the layers below it in the data flow.
// It knows token sequences and objectives; it does not know text, files of judgments or run directories.
import type { BaseDType, ComputeDType, FewBits, LoraConfig } from '../models/index.ts';
import type { Arithmetic } from '../graph/index.ts';
import type { Objective, Role } from '../objectives/objective.ts';
import type { Device } from './device.ts';
import type { Note } from '../words/note.ts';

export interface OpenEngineOptions {
  /** Hugging Face model folder. */
  readonly modelDir: string;
  /** PEFT adapter to start from; its rank, alpha and projections win over `lora`. */
  readonly adapterDir?: string;
  /** The adapter to train; null trains every weight; left out, nothing is trained. */
  readonly lora?: LoraConfig | null;
  readonly seed?: number;
  /** Threads of one graph; default the engine's own choice. */
  readonly threads?: number;
  /** Where the model computes; default the CPU. */
  readonly device?: Device;
  /** What frozen matrices and the values between ops are kept in; default float32. The engine torch alone has bfloat16. */
  readonly computeDtype?: ComputeDType | 'bfloat16';
  /** What frozen matrices are stored in; default float32. Not with every weight trained. */
  readonly baseDtype?: BaseDType;
  /** What frozen matrices of codes are multiplied in; default float32. int8 wants codes, and rounds what they are multiplied with. */
  readonly baseCompute?: Arithmetic;
  /** Sequences that are generated side by side; default the engine's own choice. */
  readonly slots?: number;
  /** Recorded in saved adapters as the base model; default the model folder. */
  readonly baseModelName?: string;
}

/** Opens a model for scoring, training and generation. */
export type OpenEngine = (options: OpenEngineOptions) => Promise<Engine>;

export interface EngineDescription {
  readonly modelType: string;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly threads: number;
  /** Where it computes; left out, the CPU. */
  readonly device?: string;
  /** What it computes with, in words, where that is not ONNX Runtime in this process. */
  readonly engine?: string;
  /** Sequences that are generated side by side. */
  readonly slots?: number;
  /** In how few bits its frozen weights could be stored instead. */
  readonly fewerBits?: readonly FewBits[];
  /** What is odd about the model's folder and worth a word: full sentences. */
  readonly notes?: readonly Note[];
}

/** Longest sequence of a run and how much of it is response. */
export interface LongestSequence {
  readonly tokens: number;
  readonly responseTokens: number;
}

/** What is done with a model, at its largest. */
export type Work =
  | ({
      readonly kind: 'train' | 'score';
      /** The adapter to train, where the engine was opened without it. */
      readonly lora?: LoraConfig;
    } & LongestSequence)
  | {
      readonly kind: 'generate';
      /** Of the longest prompt. */
      readonly promptTokens: number;
      /** Of the longest prompt and its response together. */
      readonly tokens: number;
      /** Sequences side by side; default those that the engine was opened with. */
      readonly slots?: number;
    };

/** Bytes at the peak, by what they are for. */
export interface MemoryParts {
  /** Frozen weights, pages that are mapped from their files among them, and copies that kernels make. */
  readonly weights: number;
  /** Trainable values, their gradient and what adds it up, and the optimizer's moments. */
  readonly state: number;
  /** Values kept from forward to backward, and those of the layer under way. */
  readonly activations: number;
  /** Logits and what is made of them. */
  readonly head: number;
  /** Keys and values of the sequences that are being continued. */
  readonly cache: number;
  /** The process, its libraries, and the compiled graph. */
  readonly runtime: number;
}

/** A context and a response that continues it, as token ids of one model. */
export interface Sequence {
  /** Prompt and response token ids, end token included: shape [seq]. */
  readonly ids: Int32Array;
  /** Index in `ids` of the first response token; at least 1, because a token needs something before it. */
  readonly responseStart: number;
}

/** Tokens of the response, which are those that are predicted. */
export const responseLength = ({ ids, responseStart }: Sequence): number => ids.length - responseStart;

/** One judged response as the token sequences that an objective asks for. */
export interface TokenExample {
  /** Position of the row in the user's data, counted from 0; only for messages and for `score` output. */
  readonly index: number;
  /** Whether the judgment rejects the response (Align-N) or finds it satisfactory (Align-P). */
  readonly rejected: boolean;
  /** By role; those that end in the response end in the same tokens. */
  readonly sequences: Readonly<Partial<Record<Role, Sequence>>>;
  /** Which tokens of the response somebody has marked as wrong: shape [response tokens]. Absent where nobody has. */
  readonly marked?: readonly boolean[];
  /** How much better its response is than others to the same instruction. Absent where nobody has asked. */
  readonly advantage?: number;
}

/** Numbers of one optimizer step. Losses in nats; see the objective for what its parts mean. */
export interface StepMetrics {
  readonly loss: number;
  /** Part of the loss per named term of the objective, for instance { l1, l2 }; they add up to `loss`. */
  readonly parts: Readonly<Record<string, number>>;
  /** Tokens that a comparison over tokens flagged, and how many it compared. */
  readonly flaggedTokens: number;
  readonly comparedTokens: number;
  /** Response tokens of all rows, each row once. */
  readonly responseTokens: number;
  /** L2 norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** What the loss was multiplied by, and the gradient divided by, where values are kept in float16; a power of two. */
  readonly lossScale?: number;
}

export interface OptimizerSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this L2 norm; 0 switches clipping off. */
  readonly maxGradNorm: number;
}

/** How the next token is chosen from the logits. */
export interface Sampling {
  readonly maxNewTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** Draw from the fewest tokens whose probabilities reach this (arXiv 1904.09751); 1, the default, keeps all. */
  readonly topP?: number;
  /** Draw from this many likeliest tokens; 0, the default, keeps every token. */
  readonly topK?: number;
  /** Draw from tokens that are at least this many times as likely as the likeliest (arXiv 2407.01082); default 0, all. */
  readonly minP?: number;
  /** Before so many tokens none of those comes that end the generation; default 0. */
  readonly minTokens?: number;
  /**
   * Logits of tokens that the prompt or the response already has are divided by this if positive, else multiplied
   * (arXiv 1909.05858, Sec. 4.1); 1, the default, changes nothing.
   */
  readonly repetitionPenalty?: number;
  /** Taken from the logit of a token for each time that the response already has it; default 0. */
  readonly frequencyPenalty?: number;
  /** Taken once from the logits of tokens that the response already has; default 0. */
  readonly presencePenalty?: number;
  /** Added to the logits of single tokens, by their ids. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Chooses the request's own stream of random numbers; default 0. */
  readonly seed?: number;
}

/** A token with its log-prob in nats under the model itself, whatever the sampling; NaN where nobody asked for it. */
export interface ScoredToken {
  readonly id: number;
  readonly logProb: number;
}

export interface GeneratedToken extends ScoredToken {
  /** The likeliest tokens in its place, likeliest first; as many as the request asked for. */
  readonly top: readonly ScoredToken[];
}

export interface GenerationRequest {
  /** Token ids, shape [seq], at least one. */
  readonly prompt: Int32Array;
  readonly sampling: Sampling;
  /** Ids that end the generation; default those that the model's configs list. */
  readonly endTokens?: ReadonlySet<number>;
  /** Tells log-probs, and of so many of the likeliest tokens beside each new one. Costs time with every token. */
  readonly topLogProbs?: number;
  /** Hears each new token in order, the end token included, and is awaited; `true` ends the generation there. */
  readonly onToken?: (token: GeneratedToken) => boolean | void | Promise<boolean | void>;
  /** Ends the generation after the token under way, as 'aborted'. */
  readonly signal?: AbortSignal;
}

export interface Generation {
  /** New tokens, the end token included if the model produced it. */
  readonly ids: Int32Array;
  /** The model's end token; the limit of tokens or of the model's positions; `onToken`; or the signal. */
  readonly finish: 'end' | 'length' | 'stopped' | 'aborted';
}

/** Several continuations of one context, as token ids: shapes [seq], none of them empty. */
export interface ContinuationGroup {
  readonly context: Int32Array;
  readonly continuations: readonly Int32Array[];
}

/** Everything that a training run needs to go on where it stopped, bit for bit. Flat float32 vectors. */
export interface TrainingState {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Optimizer steps taken. */
  readonly step: number;
}

/** Calls may overlap: each begins when those before it have ended. After `dispose` they throw `ENGINE_DISPOSED`. */
export interface Engine {
  describe(): EngineDescription;
  /** What a piece of work takes at its peak, or would take with the frozen weights stored in `baseDtype`. */
  estimateMemory(work: Work, baseDtype?: FewBits): MemoryParts;
  /**
   * Token log-probs (nats) of each sequence's response: one array of shape [response tokens] a sequence. The
   * initial model is the one that was opened, its adapter included.
   */
  score(sequences: readonly Sequence[], model?: 'present' | 'initial'): Promise<Float32Array[]>;
  /**
   * Log-probs (nats) of every token of the vocabulary in place of each response token: one array of shape
   * [response tokens, vocab], row by row, a sequence. Left out where an engine cannot tell.
   */
  distributions?(sequences: readonly Sequence[]): Promise<Float32Array[]>;
  /**
   * Token log-probs (nats) of each continuation after its context, which is computed once for all of them: a list of
   * arrays of shape [continuation tokens] a group. `onGroup` hears each group's when they are there, and is awaited.
   */
  scoreContinuations(
    groups: readonly ContinuationGroup[],
    onGroup?: (index: number, logProbs: Float32Array[]) => void | Promise<void>,
  ): Promise<Float32Array[][]>;
  /**
   * One optimizer step over a whole batch: forward, objective, backward, clipping, AdamW. The graph of the last
   * objective is kept, so pass the same object each time.
   * Throws WhetstoneError `OUT_OF_MEMORY`, and `NON_FINITE_LOSS`, and leaves the parameters as they were if the loss or the
   * gradient is not finite.
   */
  step(
    batch: readonly TokenExample[],
    objective: Objective,
    optimizer: OptimizerSettings,
  ): Promise<StepMetrics>;
  /**
   * Continues prompts, in their order as far as there is room, beside those of other calls under way: a request that
   * ends makes room for the next. A result depends on its request alone, not on what runs beside it.
   */
  generate(requests: readonly GenerationRequest[]): Promise<Generation[]>;
  /** The trainable parameters and the optimizer's moments; copies. A promise of them where they lie in other processes. */
  trainingState(): TrainingState | Promise<TrainingState>;
  restore(state: TrainingState): void | Promise<void>;
  /** Writes the LoRA weights as a PEFT adapter (adapter_config.json, adapter_model.safetensors) into `dir`. */
  saveAdapter(dir: string): Promise<void>;
  dispose(): Promise<void>;
}
