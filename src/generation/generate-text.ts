// Text from a prompt's tokens: streamed, ended by stop strings. Knows no prompt templates.
import type { GeneratedToken, Generation, Sampling } from '../engine/engine.ts';
import type { Speaker } from './speaker.ts';
import { openTextStream } from './text-stream.ts';
import type { TextPiece } from './text-stream.ts';

export interface TextRequest {
  /** Token ids, shape [seq], at least one. */
  readonly prompt: Int32Array;
  readonly sampling: Sampling;
  /** Whether the text goes on where the prompt's text ends, with the space that may stand there; default false. */
  readonly continues?: boolean;
  /** Texts that end the response; none of them becomes part of it unless `includeStop` says so. */
  readonly stop?: readonly string[];
  /** Tokens that end the response, beside the tokenizer's own end tokens. */
  readonly stopTokens?: readonly number[];
  /** Whether the tokenizer's end tokens are tokens like others, which end nothing; default false. */
  readonly ignoreEnd?: boolean;
  /** Whether the stop text, or the text of the end token, belongs to the response; default false. */
  readonly includeStop?: boolean;
  /** Default true. */
  readonly skipSpecialTokens?: boolean;
  /** How many likeliest tokens to tell of beside each new one, 0 for its own log-prob only; default: no log-probs. */
  readonly topLogProbs?: number;
  /** Hears the text as it grows, and is awaited; the pieces joined are the whole text. */
  onText?(this: void, piece: TextPiece): void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface TextGeneration {
  /** Ends before the stop string, unless that was to be included. */
  readonly text: string;
  /** Every new token, those of the end and of the stop string included; they are `ids`, with the log-probs asked for. */
  readonly tokens: readonly GeneratedToken[];
  readonly ids: Int32Array;
  /** The model's end token, the limit of tokens, a stop string, or the signal. */
  readonly finish: 'end' | 'length' | 'stop' | 'aborted';
}

/** Continues a prompt as text. Throws RangeError for an empty stop string, and what the engine and `onText` throw. */
export async function generateText(
  { engine, tokenizer }: Pick<Speaker, 'engine' | 'tokenizer'>,
  request: TextRequest,
): Promise<TextGeneration> {
  const { prompt, sampling, continues = false, stop = [], topLogProbs, onText, signal } = request;
  const { stopTokens = [], ignoreEnd = false, includeStop = false, skipSpecialTokens = true } = request;
  const stream = openTextStream(tokenizer, {
    stops: stop,
    before: continues ? prompt : [],
    includeStop,
    skipSpecialTokens,
    minTokens: sampling.minTokens,
  });
  const endTokens = new Set([...(ignoreEnd ? [] : tokenizer.stopTokenIds), ...stopTokens]);
  const isText = (id: number): boolean => includeStop || !endTokens.has(id);
  const tokens: GeneratedToken[] = [];
  let text = '';
  const tell = async (piece: TextPiece | null): Promise<void> => {
    if (piece === null) return;
    text += piece.text;
    await onText?.(piece);
  };
  const read = async (token: GeneratedToken): Promise<void> => {
    if (isText(token.id)) await tell(await stream.push(token));
  };
  // The engine waits for each token to be read, so nothing is read on the way unless somebody wants to know.
  const reading = onText !== undefined || stop.length > 0 || continues;
  const [generation] = await engine.generate([
    {
      prompt,
      sampling,
      endTokens,
      topLogProbs,
      signal,
      onToken: async (token) => {
        tokens.push(token);
        if (reading) await read(token);
        return stream.stop !== null;
      },
    },
  ]);
  const { ids, finish } = generation!;
  if (!reading) {
    const whole = await tokenizer.decode(ids.filter(isText), { skipSpecialTokens });
    // Only broken characters could make the stream's text another than this.
    if (!whole.includes('\u{fffd}'))
      return { text: whole, tokens, ids, finish: finishOf(finish, stream.stop) };
    for (const token of tokens) await read(token);
  }
  await tell(await stream.end());
  return { text, tokens, ids, finish: finishOf(finish, stream.stop) };
}

const finishOf = (finish: Generation['finish'], stop: string | null): TextGeneration['finish'] =>
  stop !== null || finish === 'stopped' ? 'stop' : finish;
