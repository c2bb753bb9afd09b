// What an endpoint is: fields in, a reply out, as one body or as a stream of events. Knows no HTTP.
import type { Fields } from '../rows/fields.ts';
import type { Exchange } from './recording.ts';
import type { ServedModel } from './served-model.ts';

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Call {
  readonly model: ServedModel;
  readonly fields: Fields;
  /** Most tokens of a response; null: what the context has room for. */
  readonly maxNewTokens: number | null;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Hears of each response that is complete. */
  readonly record: (exchange: Exchange) => void;
  /** Called when the prompts are tokens, so that nothing else of the request is needed any more. */
  readonly onEncoded: () => void;
}

export type Reply =
  | { readonly kind: 'body'; readonly body: object; readonly usage: Usage }
  /** `run` sends events until the reply is complete. */
  | { readonly kind: 'stream'; readonly run: (send: (event: object) => void) => Promise<Usage> };

/** Throws ApiError, before a stream has begun if the request is to blame. */
export type Endpoint = (call: Call) => Promise<Reply>;

export const usageBody = ({ promptTokens, completionTokens }: Usage): object => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
