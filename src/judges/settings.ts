// What can be set about judges. Each kind of judge takes what concerns it. Knows no command line.
import { defaultsOf } from '../options/table.ts';
import { judgingTable } from '../options/verbs.ts';
import type { OpenEngine } from '../engine/engine.ts';
import type { Note } from '../words/note.ts';

export interface JudgeSettings {
  /** Requests, commands or calls under way at once. */
  readonly concurrency: number;
  /** Most requests begun in any minute; null for no limit. */
  readonly requestsPerMinute: number | null;
  /** Most tokens, of prompts and replies together, in any minute; null for no limit. */
  readonly tokensPerMinute: number | null;
  /** Seconds until a judge begins to answer: a server's headers, a command's or module's answer. At most 300 for servers. */
  readonly timeout: number;
  /** Seconds for the rest of a server's answer, once it has begun. */
  readonly bodyTimeout: number;
  /** How often a call is repeated that failed in a way that may pass. */
  readonly retries: number;
  /** Name of a preset (`promptPresets`), or the path of a file with a prompt. */
  readonly prompt: string;
  /** 0 is greedy; null leaves it to the server, for models that refuse it. */
  readonly temperature: number | null;
  /** Longest judgment in tokens. */
  readonly maxTokens: number;
  /** Further fields of the request's body; null takes a field out. */
  readonly extraBody: Readonly<Record<string, unknown>>;
  /** Name of the environment variable that holds the key; null is OPENAI_API_KEY. */
  readonly apiKeyEnv: string | null;
  /** Per million tokens; null where not known. */
  readonly inputPrice: number | null;
  readonly outputPrice: number | null;
  /** In which money the prices and the budget are; only for people. */
  readonly currency: string;
  /** No call is made that could cost more than what is left of this; null for no limit. */
  readonly budget: number | null;
  /** JSONL file of a server's replies, which are not asked for again; null for none. */
  readonly cache: string | null;
  /** Where keys come from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How a local judge model is opened; null is the ONNX engine. */
  readonly openEngine: OpenEngine | null;
  /** Where a command runs; default the present folder. */
  readonly cwd?: string;
  /** Threads of a local judge model; null leaves it to the engine. */
  readonly threads: number | null;
  /** Of everything random: the jitter of waits, a local judge's sampling. */
  readonly seed: number;
  /** Hears in a sentence what a person should know: a wait for a limit, a retry, a repaired file. */
  readonly onNote: (note: Note) => void;
}

const usual = defaultsOf(judgingTable);

export const defaultJudgeSettings: JudgeSettings = {
  concurrency: usual.concurrency,
  requestsPerMinute: usual.requestsPerMinute,
  tokensPerMinute: usual.tokensPerMinute,
  timeout: usual.judgeTimeout,
  bodyTimeout: 60,
  retries: usual.judgeRetries,
  prompt: usual.judgePrompt,
  temperature: usual.judgeTemperature,
  maxTokens: usual.judgeMaxTokens,
  extraBody: {},
  apiKeyEnv: usual.apiKeyEnv,
  inputPrice: usual.inputPrice,
  outputPrice: usual.outputPrice,
  currency: usual.currency,
  budget: usual.budget,
  cache: usual.judgeCache,
  env: process.env,
  openEngine: null,
  threads: null,
  seed: 0,
  onNote: () => {},
};
